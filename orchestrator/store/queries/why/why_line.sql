-- Reads the first :most instructions of rollout :rollout in its open groups that are not paused, that wait for their time or are due, in the order
-- of claims. Only those of devices in :patterns (null: of all); and, with `is_shown` false, those of the same branches that are
-- before the last of them: they stand in their way.
-- parameters: rollout bigint, patterns text, most bigint
-- row: id bigint, device text, branch text null, is_due boolean, is_shown boolean
WITH open_group AS MATERIALIZED (
  SELECT g.group_no FROM rollout_group g WHERE g.rollout_id = :rollout AND g.state = :GROUP_OPEN AND g.paused_at IS NULL
), line AS MATERIALIZED (
  SELECT g.group_no, i.due_at, i.id, i.device, i.branch
  FROM open_group g,
  LATERAL (
    SELECT n.id, n.device, n.branch, n.due_at
    FROM instruction n
    WHERE n.rollout_id = :rollout AND n.group_no = g.group_no AND n.due_at IS NOT NULL
      AND (:patterns::jsonb IS NULL
           OR (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search s WHERE s.device = n.device))
    ORDER BY n.due_at, n.id
    LIMIT :most
  ) i
  ORDER BY g.group_no, i.due_at, i.id
  LIMIT :most
), last AS MATERIALIZED (
  SELECT l.group_no, l.due_at, l.id FROM line l ORDER BY l.group_no DESC, l.due_at DESC, l.id DESC LIMIT 1
)
SELECT i.id, i.device, coalesce(i.branch, (SELECT d.branch FROM device d WHERE d.id = i.device)) AS branch, i.due_at <= now() AS is_due,
       i.is_shown
FROM (
  SELECT l.*, true AS is_shown FROM line l
  UNION ALL
  SELECT n.group_no, n.due_at, n.id, n.device, n.branch, false
  FROM last, open_group g,
  LATERAL (SELECT * FROM instruction n
           WHERE n.rollout_id = :rollout AND n.group_no = g.group_no AND n.due_at IS NOT NULL
             AND (g.group_no < last.group_no OR (n.due_at, n.id) < (last.due_at, last.id))
             AND n.branch IN (SELECT l.branch FROM line l)) n
  WHERE :patterns::jsonb IS NOT NULL AND g.group_no <= last.group_no AND n.id NOT IN (SELECT l.id FROM line l)
) i
ORDER BY i.group_no, i.due_at, i.id
