-- Reads the first :most instructions of rollout :rollout in its open groups that are not paused, that wait for their time or are due, in the order
-- of claims. Only those of devices in :patterns (null: of all).
-- parameters: rollout bigint, patterns text, most bigint
-- row: id bigint, device text, branch text null, is_due boolean
SELECT i.id, i.device, i.branch, i.due_at <= now() AS is_due
FROM rollout_group g,
LATERAL (
  SELECT n.id, n.device, n.branch, n.due_at
  FROM instruction n
  WHERE n.rollout_id = :rollout AND n.group_no = g.group_no AND n.due_at IS NOT NULL
    AND (:patterns::jsonb IS NULL
         OR (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search s WHERE s.device = n.device))
  ORDER BY n.due_at, n.id
  LIMIT :most
) i
WHERE g.rollout_id = :rollout AND g.state = :GROUP_OPEN AND g.paused_at IS NULL
ORDER BY g.group_no, i.due_at, i.id
LIMIT :most
