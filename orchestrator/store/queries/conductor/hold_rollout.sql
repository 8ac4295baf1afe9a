-- Returns one row if rollout :rollout still has version :version, and locks it until this transaction ends.
-- parameters: rollout bigint, version bigint
-- row: is_held boolean
SELECT true AS is_held FROM rollout WHERE id = :rollout AND version = :version FOR UPDATE
