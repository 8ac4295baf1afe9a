-- Raises the memory for sorts in this transaction, so that the sort of a million devices needs no temporary file.
SELECT set_config('work_mem', '256MB', true)
