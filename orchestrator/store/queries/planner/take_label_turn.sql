-- Takes the turn to count the labels of rollouts, until this transaction ends. `is_taken`: false when another orchestrator has it.
-- row: is_taken boolean
SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('labels')) AS is_taken
