-- parameters: rollout bigint
DELETE FROM rollout_zone WHERE rollout_id = :rollout
