INSERT INTO rollout_event (rollout_id, kind, actor, reason, version, digest, group_no, at)
VALUES ($1, $2, $3, $4, $5, $6, nullif($7, 0), clock_timestamp())
