-- parameters: rollout bigint
DELETE FROM instruction WHERE rollout_id = :rollout
