-- Keeps the sort of a million devices in memory.
SELECT set_config('work_mem', '256MB', true)
