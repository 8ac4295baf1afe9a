-- Counts what waits in the scope of freeze :freeze, of devices in :patterns (null: of all), of rollouts that run: in open groups, and in
-- those whose turn it is and that freezes keep from opening. `may_start`: no other freeze in force holds it or its group, of which `due`
-- are due; `still_frozen`: another one does. `groups`: those that may open. `others`: those other freezes. Looks up the devices of a
-- scope of at most :few; of a larger one, at the :searched instructions that are due first, each group its share. Counts to :most;
-- `has_more`: there are more, or not all were looked at. No row: there is no such freeze, or none that may touch :patterns.
-- parameters: freeze bigint, patterns text, most bigint, few bigint, searched bigint
-- row: document.*
-- alone
WITH asked AS MATERIALIZED (
  SELECT f.id, f.scope, f.patterns, f.except_rollback, f.lifted_at
  FROM freeze_order f
  WHERE f.id = :freeze
    AND (:patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
), startable AS MATERIALIZED (
  SELECT r.id AS rollout_id, g.group_no, r.rollback_of IS NOT NULL AS is_rollback, g.state = :GROUP_WAITING AS is_to_open,
         -- As group_is_frozen decides, by each of the other freezes.
         CASE WHEN g.state = :GROUP_WAITING
           THEN ARRAY(SELECT o.id
                      FROM freeze_order o
                      LEFT JOIN frozen_rollout t ON t.freeze_id = o.id AND t.rollout_id = r.id
                      WHERE o.lifted_at IS NULL AND o.id <> f.id AND NOT (o.except_rollback AND r.rollback_of IS NOT NULL)
                        AND (o.scope = '{}' OR t.is_whole IS NOT TRUE OR g.group_no = ANY (t.groups)))
           ELSE '{}' END AS closed_by
  FROM asked f
  JOIN rollout r ON r.state = :ROLLOUT_RUNNING AND r.door <> :COLLECT_ENDPOINT AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
  JOIN rollout_group g ON g.rollout_id = r.id AND g.paused_at IS NULL
  LEFT JOIN rollout_group e ON e.rollout_id = g.rollout_id AND e.group_no = g.group_no - 1
  WHERE f.lifted_at IS NULL AND r.id <> ALL (ARRAY(SELECT rollout_id FROM blocked_rollout))
    AND (g.state = :GROUP_OPEN
         OR g.state = :GROUP_WAITING
            AND (e.group_no IS NULL OR e.state = :GROUP_PASSED
                 OR e.reached_at IS NOT NULL AND r.plan #>> ARRAY['spec', 'groups', (e.group_no - 1)::text, 'opens'] = 'reached'))
), inside AS MATERIALIZED (
  SELECT s.device
  FROM asked f, unnest(f.patterns) AS p(pattern),
  LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.pattern OFFSET 0) s
  WHERE f.scope <> '{}'
  LIMIT :few::bigint + 1
), way AS MATERIALIZED (
  SELECT (SELECT f.scope <> '{}' FROM asked f) AND (SELECT count(*) FROM inside) <= :few::bigint AS is_few,
         greatest(:searched::bigint / (SELECT greatest(count(*), 1) FROM startable), 1) AS share
), waiting AS MATERIALIZED (
  SELECT i.device, i.due_at, t.*
  FROM startable t,
  LATERAL (SELECT n.device, n.due_at
           FROM instruction n
           WHERE NOT (SELECT w.is_few FROM way w) AND n.rollout_id = t.rollout_id AND n.group_no = t.group_no AND n.due_at IS NOT NULL
           ORDER BY n.due_at, n.id
           LIMIT (SELECT w.share FROM way w)) i
  UNION ALL
  SELECT d.device, i.due_at, t.*
  FROM inside d,
  LATERAL (SELECT n.rollout_id, n.group_no, n.due_at
           FROM instruction n
           WHERE (SELECT w.is_few FROM way w) AND n.device = d.device AND n.due_at IS NOT NULL OFFSET 0) i
  JOIN startable t ON t.rollout_id = i.rollout_id AND t.group_no = i.group_no
), found AS MATERIALIZED (
  SELECT w.rollout_id, w.group_no, w.is_rollback, w.is_to_open, w.closed_by, w.due_at <= now() AS is_due, s.labels
  FROM waiting w,
  LATERAL (SELECT s.labels FROM device_search s WHERE s.device = w.device OFFSET 0) s
  WHERE s.labels @> ANY ((SELECT f.patterns FROM asked f)::jsonb[])
    AND (:patterns::jsonb IS NULL OR s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
), other AS MATERIALIZED (
  SELECT o.id, o.scope, o.patterns, o.except_rollback, patterns_meet(o.patterns, f.patterns) AS meets
  FROM asked f
  JOIN freeze_order o ON o.lifted_at IS NULL AND o.id <> f.id
), judged AS MATERIALIZED (
  SELECT f.rollout_id, f.group_no, f.is_due, f.is_to_open AND f.closed_by = '{}' AS opens,
         ARRAY(SELECT o.id FROM other o
               WHERE o.meets AND f.labels @> ANY (o.patterns) AND NOT (o.except_rollback AND f.is_rollback) OR o.id = ANY (f.closed_by)) AS held_by
  FROM found f
), counted AS (
  SELECT count(*) AS waiting, count(DISTINCT j.rollout_id) AS rollouts, count(*) FILTER (WHERE j.held_by = '{}') AS may_start,
         count(*) FILTER (WHERE j.held_by = '{}' AND j.is_due) AS due, count(*) FILTER (WHERE j.held_by <> '{}') AS still_frozen,
         count(DISTINCT (j.rollout_id, j.group_no)) FILTER (WHERE j.opens) AS groups
  FROM judged j
), holding AS (
  SELECT o.id, o.scope, h.waiting
  FROM (SELECT h.id, count(*) AS waiting FROM judged j, unnest(j.held_by) AS h(id) GROUP BY h.id) h
  JOIN other o ON o.id = h.id
)
SELECT json_build_object(
  'freeze', f.id, 'match', f.scope, 'state', CASE WHEN f.lifted_at IS NULL THEN :FREEZE_IN_FORCE ELSE :FREEZE_LIFTED END,
  'rollouts', c.rollouts, 'waiting', least(c.waiting, :most::bigint),
  'has_more', c.waiting > :most::bigint
              OR NOT w.is_few AND EXISTS (SELECT FROM waiting i GROUP BY i.rollout_id, i.group_no HAVING count(*) >= w.share),
  'may_start', least(c.may_start, :most::bigint), 'due', least(c.due, :most::bigint),
  'still_frozen', least(c.still_frozen, :most::bigint), 'groups', c.groups,
  'others', (SELECT coalesce(json_agg(json_build_object('freeze', h.id, 'match', h.scope, 'waiting', least(h.waiting, :most::bigint))
                                      ORDER BY h.waiting DESC, h.id), '[]')
             FROM holding h))::text AS document
FROM asked f, counted c, way w
