-- Writes again what an orchestrator knows of signing keys and a restore of the database lost: arrays of key, public half,
-- state and rotation. A state only moves forward, so a key that was removed stays removed.
-- batch: id text, x text, state text, rotation bigint
INSERT INTO signing_key AS k (id, x, state, rotation, holders, signing_at, left_at, removed_at)
SELECT n.id, n.x, n.state, n.rotation, '{}', CASE WHEN n.state = :KEY_SIGNING THEN now() END,
       CASE WHEN n.state = :KEY_RETIRING THEN now() END, CASE WHEN n.state IN (:KEY_RETIRED, :KEY_REVOKED) THEN now() END
FROM unnest(:id::text[], :x::text[], :state::text[], :rotation::bigint[]) AS n(id, x, state, rotation)
ORDER BY n.id
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, signing_at = coalesce(k.signing_at, excluded.signing_at),
    left_at = coalesce(k.left_at, excluded.left_at), removed_at = coalesce(k.removed_at, excluded.removed_at)
WHERE array_position(ARRAY[ :KEY_OFFERED, :KEY_SIGNING, :KEY_RETIRING, :KEY_RETIRED, :KEY_REVOKED], k.state)
      < array_position(ARRAY[ :KEY_OFFERED, :KEY_SIGNING, :KEY_RETIRING, :KEY_RETIRED, :KEY_REVOKED], excluded.state)
