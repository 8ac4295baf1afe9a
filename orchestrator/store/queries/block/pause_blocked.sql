-- Pauses each running rollout whose version is blocked, as an act of the person who blocked it. `paused`: a JSON array of them.
-- row: paused text, rollouts bigint
WITH running AS MATERIALIZED (
  SELECT r.id
  FROM rollout r
  WHERE r.state = :ROLLOUT_RUNNING AND r.id = ANY (ARRAY(SELECT rollout_id FROM blocked_rollout))
  ORDER BY r.id
  FOR NO KEY UPDATE
), paused AS (
  UPDATE rollout r
  SET state = :ROLLOUT_PAUSED, version = r.version + 1,
      detail = concat(b.name, ' ', b.version, ' is blocked by ', b.blocked_by, ': ', b.reason)
  FROM running n, blocked_rollout b
  WHERE r.id = n.id AND b.rollout_id = r.id AND r.state = :ROLLOUT_RUNNING
  RETURNING r.id, r.name, r.detail, b.blocked_by
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason, at)
  SELECT id, :KIND_PAUSED, blocked_by, detail, clock_timestamp() FROM paused
)
SELECT coalesce(json_agg(json_build_object('rollout', id, 'name', name) ORDER BY id), '[]')::text AS paused,
       count(*) AS rollouts
FROM paused
