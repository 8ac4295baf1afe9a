-- Deletes the counters of rollout :rollout, whose plan is being replaced. The caller has locked the rollout.
-- parameters: rollout bigint
DELETE FROM counter WHERE rollout_id = :rollout
