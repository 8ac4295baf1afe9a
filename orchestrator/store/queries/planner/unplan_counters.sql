-- parameters: rollout bigint
DELETE FROM counter WHERE rollout_id = :rollout
