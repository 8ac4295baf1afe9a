-- parameters: rollout bigint, seen bigint[]
UPDATE rollout SET abort_seen = :seen WHERE id = :rollout
