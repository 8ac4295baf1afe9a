-- The sort of a million devices stays in memory.
SELECT set_config('work_mem', '256MB', true)
