-- parameters: rollout bigint
DELETE FROM rollout_window WHERE rollout_id = :rollout
