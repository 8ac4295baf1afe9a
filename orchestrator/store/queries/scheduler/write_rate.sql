-- parameters: rollout bigint, second bigint, starts integer[]
INSERT INTO rollout_rate (rollout_id, second, starts) VALUES (:rollout, :second, :starts)
ON CONFLICT (rollout_id) DO UPDATE SET second = excluded.second, starts = excluded.starts
