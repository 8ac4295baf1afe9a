-- The two sorts of a million devices stay in memory.
SET LOCAL work_mem = '256MB'
