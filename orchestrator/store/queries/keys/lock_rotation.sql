-- Locks the rotation until this transaction ends, so that only one orchestrator registers the first key.
-- row: number bigint
SELECT number FROM key_rotation FOR UPDATE
