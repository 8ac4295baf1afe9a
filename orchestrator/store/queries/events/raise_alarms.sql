-- Writes what is wrong now: alarms that have begun are added, those that have ended are deleted; triggers log both.
-- A forecast varies a little: that a rollout ends late is raised from five minutes on, and ends when there are none.
-- `raised`: how many began.
-- row: raised bigint, ended bigint
WITH wrong AS MATERIALIZED (
  SELECT :ALARM_FREEZE_OVERDUE AS kind, f.id AS object, NULL::bigint AS rollout_id,
         freeze_words(f) || ', by ' || f.frozen_by || ': ' || f.reason AS detail
  FROM freeze_order f WHERE f.lifted_at IS NULL AND f.until <= now()
  UNION ALL
  SELECT :ALARM_REVIEW_OVERDUE, v.id, v.rollout_id, 'due at ' || rfc3339(v.due_at)
  FROM review v WHERE v.ended_at IS NULL AND v.due_at <= now()
  UNION ALL
  SELECT :ALARM_ENDS_LATE, r.id, r.id, 'expected end ' || rfc3339(f.end_at) || ', end of the plan ' || rfc3339(r.ends_at)
  FROM rollout r JOIN rollout_forecast f ON f.rollout_id = r.id
  WHERE r.state = :ROLLOUT_RUNNING AND f.end_at > r.ends_at
    AND (f.end_at > r.ends_at + interval '5 min'
      OR EXISTS (SELECT FROM alarm a WHERE a.kind = :ALARM_ENDS_LATE AND a.object = r.id))
  UNION ALL
  SELECT :ALARM_POLICIES_DIFFER, 0, NULL, count(DISTINCT p.policy) || ' policies'
  FROM site_policy p HAVING count(DISTINCT p.policy) > 1
), added AS (
  INSERT INTO alarm (kind, object, rollout_id, detail)
  SELECT w.kind, w.object, w.rollout_id, w.detail FROM wrong w
  WHERE NOT EXISTS (SELECT FROM alarm a WHERE a.kind = w.kind AND a.object = w.object)
  ON CONFLICT DO NOTHING
  RETURNING kind
), dropped AS (
  DELETE FROM alarm a
  WHERE NOT EXISTS (SELECT FROM wrong w WHERE w.kind = a.kind AND w.object = a.object)
  RETURNING a.kind
)
SELECT (SELECT count(*) FROM added) AS raised, (SELECT count(*) FROM dropped) AS ended
