INSERT INTO approval (rollout_id, group_no, digest, actor, approved, reason, at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
ON CONFLICT (rollout_id, group_no, digest, actor)
DO UPDATE SET approved = excluded.approved, reason = excluded.reason, at = excluded.at
