-- The plan of rollout $1, and its seed.
SELECT plan::text, rollout_seed(name) FROM rollout WHERE id = $1
