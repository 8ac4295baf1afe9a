-- Looks at the next :most waiting instructions of rollout :rollout for the oldest freeze in force of which that is not
-- whole, and keeps which groups have a device in its scope; with the first of them also at what was started and not
-- answered. The first group that it finds is recorded as an event of the rollout. Returns how many it looked at, and
-- whether the freeze was found to touch the rollout now. No row: there is nothing to look at.
-- parameters: rollout bigint, most bigint
-- row: freeze bigint, looked bigint, begins boolean
WITH pending AS MATERIALIZED (
  SELECT f.id, f.scope, f.frozen_by, freeze_words(f) || ': ' || f.reason AS words,
         coalesce(t.seen_group, 0::smallint) AS seen_group, coalesce(t.seen_due_at, '-infinity') AS seen_due_at,
         coalesce(t.seen_instruction, 0) AS seen_instruction, coalesce(t.groups, '{}') AS groups
  FROM rollout r, freeze_order f
  LEFT JOIN frozen_rollout t ON t.freeze_id = f.id AND t.rollout_id = :rollout
  WHERE r.id = :rollout AND r.door <> :COLLECT_ENDPOINT AND f.lifted_at IS NULL AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
    AND t.is_whole IS NOT TRUE
  ORDER BY f.id
  LIMIT 1
  FOR SHARE OF f
), page AS MATERIALIZED (
  SELECT i.id, i.device, i.group_no, i.due_at
  FROM pending p,
  LATERAL (SELECT w.id, w.device, w.group_no, w.due_at
           FROM instruction w
           WHERE p.scope <> '{}' AND w.rollout_id = :rollout AND w.due_at IS NOT NULL
             AND (w.group_no, w.due_at, w.id) > (p.seen_group, p.seen_due_at, p.seen_instruction)
           ORDER BY w.group_no, w.due_at, w.id
           LIMIT :most) i
), unanswered AS MATERIALIZED (
  SELECT i.device, i.group_no
  FROM pending p,
  LATERAL (SELECT w.device, w.group_no
           FROM instruction w
           WHERE p.scope <> '{}' AND p.seen_instruction = 0 AND w.rollout_id = :rollout AND w.wake_at IS NOT NULL
             AND w.state = :DISPATCHED
           LIMIT :most) i
), touched AS (
  SELECT c.group_no
  FROM pending p, (SELECT device, group_no FROM page UNION ALL SELECT device, group_no FROM unanswered) c
  WHERE EXISTS (SELECT FROM frozen_device z WHERE z.device = c.device AND z.freeze_id = p.id OFFSET 0)
  UNION ALL
  SELECT g.group_no FROM pending p, rollout_group g WHERE p.scope = '{}' AND g.rollout_id = :rollout AND g.ended_at IS NULL
), found AS MATERIALIZED (
  SELECT p.id, p.frozen_by, p.words, p.groups = '{}' AND g.groups <> '{}' AS begins, g.groups,
         coalesce(l.group_no, p.seen_group) AS seen_group, coalesce(l.due_at, p.seen_due_at) AS seen_due_at,
         coalesce(l.id, p.seen_instruction) AS seen_instruction, (SELECT count(*) FROM page) AS looked
  FROM pending p
  LEFT JOIN (SELECT group_no, due_at, id FROM page ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1) l ON true,
  LATERAL (SELECT ARRAY(SELECT DISTINCT u.group_no
                        FROM (SELECT unnest(p.groups) AS group_no UNION ALL SELECT group_no FROM touched) u
                        ORDER BY u.group_no) AS groups) g
), kept AS (
  INSERT INTO frozen_rollout (freeze_id, rollout_id, seen_group, seen_due_at, seen_instruction, is_whole, groups)
  SELECT id, :rollout, seen_group, seen_due_at, seen_instruction, looked < :most, groups FROM found
  ON CONFLICT (rollout_id, freeze_id) DO UPDATE
  SET seen_group = excluded.seen_group, seen_due_at = excluded.seen_due_at, seen_instruction = excluded.seen_instruction,
      is_whole = excluded.is_whole, groups = excluded.groups
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason)
  SELECT :rollout, :KIND_FROZEN, frozen_by, words FROM found WHERE begins
)
SELECT id AS freeze, looked, begins FROM found
