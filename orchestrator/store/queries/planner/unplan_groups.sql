-- parameters: rollout bigint
DELETE FROM rollout_group WHERE rollout_id = :rollout
