-- After an order on rollout $1: state $2 (null: as it is), which is an end or not ($3), and a version higher by one.
UPDATE rollout
SET state = coalesce($2, state),
    version = version + 1,
    detail = CASE WHEN $2 IS NULL OR $2 = state THEN detail ELSE '' END,
    ended_at = CASE WHEN $2 IS NULL OR $2 = state THEN ended_at WHEN $3::boolean THEN now() END
WHERE id = $1
RETURNING version, state
