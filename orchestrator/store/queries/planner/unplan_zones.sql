-- Deletes the zones of rollout :rollout, whose plan is being replaced. The caller has locked the rollout.
-- parameters: rollout bigint
DELETE FROM rollout_zone WHERE rollout_id = :rollout
