-- Looks which groups of rollout :rollout have a device in the scope of the oldest freeze in force of which that is not known, and
-- keeps them. The first look asks the counts of labels, which tell of a rollout that lies in the scope as a whole, or outside; and
-- the devices of the scope, which tell all when there are :most at most. Else each look takes :most waiting instructions of the
-- first group of which it is not known; the first one also looks at what was started and not answered. The first group that it
-- finds is recorded as an event of the rollout. Returns how many waiting instructions it looked at, and whether the freeze was
-- found to touch the rollout now. No row: there is nothing to look at.
-- parameters: rollout bigint, most bigint
-- row: freeze bigint, looked bigint, begins boolean
WITH pending AS MATERIALIZED (
  SELECT f.id, f.scope, f.patterns, f.frozen_by, freeze_words(f) || ': ' || f.reason AS words,
         coalesce(t.seen_group, 0::smallint) AS seen_group, coalesce(t.seen_due_at, '-infinity') AS seen_due_at,
         coalesce(t.seen_instruction, 0) AS seen_instruction, coalesce(t.groups, '{}') AS groups
  FROM rollout r, freeze_order f
  LEFT JOIN frozen_rollout t ON t.freeze_id = f.id AND t.rollout_id = :rollout
  WHERE r.id = :rollout AND r.door <> :COLLECT_ENDPOINT AND f.lifted_at IS NULL AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
    AND t.is_whole IS NOT TRUE
  ORDER BY f.id
  LIMIT 1
  FOR SHARE OF f
), told AS MATERIALIZED (
  SELECT p.scope = '{}' OR l.is_whole IS TRUE AS is_all, p.scope <> '{}' AND l.touches IS FALSE AS is_none
  FROM pending p
  LEFT JOIN LATERAL (SELECT c.touches, c.is_whole
                     FROM rollout r, rollout_labels_tell(r, to_jsonb(p.patterns)) c
                     WHERE r.id = :rollout AND p.scope <> '{}' AND p.seen_group = 0) l ON true
), inside AS MATERIALIZED (
  SELECT s.device
  FROM pending p, told t, unnest(p.patterns) AS n(pattern),
  LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> n.pattern OFFSET 0) s
  WHERE p.seen_group = 0 AND NOT t.is_all AND NOT t.is_none
  LIMIT :most::bigint + 1
), known AS MATERIALIZED (
  SELECT t.is_all OR t.is_none OR (p.seen_group = 0 AND (SELECT count(*) FROM inside) <= :most) AS is_whole FROM pending p, told t
), next AS MATERIALIZED (
  SELECT g.group_no, CASE WHEN g.group_no = p.seen_group THEN p.seen_due_at ELSE '-infinity' END AS due_at,
         CASE WHEN g.group_no = p.seen_group THEN p.seen_instruction ELSE 0 END AS id
  FROM pending p, known k, rollout_group g,
  LATERAL (SELECT FROM instruction w
           WHERE w.rollout_id = :rollout AND w.group_no = g.group_no AND w.due_at IS NOT NULL
           ORDER BY w.group_no, w.due_at, w.id -- of the index
           LIMIT 1) w
  WHERE NOT k.is_whole AND g.rollout_id = :rollout AND g.group_no >= p.seen_group AND g.group_no <> ALL (p.groups)
  ORDER BY g.group_no
  LIMIT 1
), page AS MATERIALIZED (
  SELECT i.id, i.device, i.group_no, i.due_at
  FROM next n,
  LATERAL (SELECT w.id, w.device, w.group_no, w.due_at
           FROM instruction w
           WHERE w.rollout_id = :rollout AND w.group_no = n.group_no AND w.due_at IS NOT NULL AND (w.due_at, w.id) > (n.due_at, n.id)
           ORDER BY w.group_no, w.due_at, w.id
           LIMIT :most) i
), unanswered AS MATERIALIZED (
  SELECT i.device, i.group_no
  FROM pending p, known k,
  LATERAL (SELECT w.device, w.group_no
           FROM instruction w
           WHERE p.seen_group = 0 AND NOT k.is_whole AND w.rollout_id = :rollout AND w.wake_at IS NOT NULL AND w.state = :DISPATCHED
           LIMIT :most) i
), touched AS (
  SELECT c.group_no
  FROM pending p, (SELECT device, group_no FROM page UNION ALL SELECT device, group_no FROM unanswered) c
  WHERE EXISTS (SELECT FROM frozen_device z WHERE z.device = c.device AND z.freeze_id = p.id OFFSET 0)
  UNION ALL
  SELECT i.group_no
  FROM inside s,
  LATERAL (SELECT w.group_no, w.due_at, w.wake_at, w.state FROM instruction w
           WHERE w.device = s.device AND w.rollout_id = :rollout OFFSET 0) i
  WHERE i.due_at IS NOT NULL OR (i.wake_at IS NOT NULL AND i.state = :DISPATCHED)
  UNION ALL
  SELECT g.group_no FROM told t, rollout_group g WHERE t.is_all AND g.rollout_id = :rollout AND g.ended_at IS NULL
), found AS MATERIALIZED (
  -- After its last page the next look takes the next group.
  SELECT p.id, p.frozen_by, p.words, p.groups = '{}' AND g.groups <> '{}' AS begins, g.groups, s.looked,
         k.is_whole OR n.group_no IS NULL AS is_whole,
         CASE WHEN n.group_no IS NULL THEN greatest(p.seen_group, 1::smallint)
           WHEN s.looked < :most THEN (n.group_no + 1)::smallint ELSE n.group_no END AS seen_group,
         CASE WHEN s.looked < :most THEN '-infinity' ELSE l.due_at END AS seen_due_at,
         CASE WHEN s.looked < :most THEN 0 ELSE l.id END AS seen_instruction
  FROM pending p
  CROSS JOIN known k
  CROSS JOIN (SELECT count(*) AS looked FROM page) s
  LEFT JOIN next n ON true
  LEFT JOIN (SELECT due_at, id FROM page ORDER BY due_at DESC, id DESC LIMIT 1) l ON true,
  LATERAL (SELECT ARRAY(SELECT DISTINCT u.group_no
                        FROM (SELECT unnest(p.groups) AS group_no UNION ALL SELECT group_no FROM touched) u
                        ORDER BY u.group_no) AS groups) g
), kept AS (
  INSERT INTO frozen_rollout (freeze_id, rollout_id, seen_group, seen_due_at, seen_instruction, is_whole, groups)
  SELECT id, :rollout, seen_group, seen_due_at, seen_instruction, is_whole, groups FROM found
  ON CONFLICT (rollout_id, freeze_id) DO UPDATE
  SET seen_group = excluded.seen_group, seen_due_at = excluded.seen_due_at, seen_instruction = excluded.seen_instruction,
      is_whole = excluded.is_whole, groups = excluded.groups
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason)
  SELECT :rollout, :KIND_FROZEN, frozen_by, words FROM found WHERE begins
)
SELECT id AS freeze, looked, begins FROM found
