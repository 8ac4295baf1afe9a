-- Deletes the instructions of rollout :rollout, whose plan is being replaced. The caller has locked the rollout.
-- parameters: rollout bigint
DELETE FROM instruction WHERE rollout_id = :rollout
