-- The sort of a million devices stays in memory; compiling the statements that plan takes longer than it saves.
SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)
