-- Deletes the groups of rollout :rollout, whose plan is being replaced. The caller has locked the rollout. Runs last,
-- since the other planned rows name the groups.
-- parameters: rollout bigint
DELETE FROM rollout_group WHERE rollout_id = :rollout
