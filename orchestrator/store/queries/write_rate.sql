INSERT INTO rollout_rate (rollout_id, second, starts) VALUES ($1, $2, $3)
ON CONFLICT (rollout_id) DO UPDATE SET second = excluded.second, starts = excluded.starts
