INSERT INTO rollout_event (rollout_id, kind, actor, reason, at) VALUES ($1, $2, 'tellercast', $3, clock_timestamp())
