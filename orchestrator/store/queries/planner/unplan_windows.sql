-- Deletes the windows of rollout :rollout, whose plan is being replaced. The caller has locked the rollout.
-- parameters: rollout bigint
DELETE FROM rollout_window WHERE rollout_id = :rollout
