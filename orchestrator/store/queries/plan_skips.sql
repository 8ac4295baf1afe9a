-- What of rollout $1 would take a device from a branch that may lose none under the plan's budget is cancelled before
-- it begins: branches with one machine, and those of which the budget's percentage is less than one.
WITH skipped AS (
  UPDATE instruction i
  SET state = 9, due_at = NULL, ended_at = now(),
      code = CASE WHEN b.machines <= 1 THEN 'single_device' ELSE 'branch_budget' END
  FROM rollout r, branch b
  WHERE r.id = $1 AND i.rollout_id = r.id AND b.id = i.branch
    AND branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed) = 0
  RETURNING i.group_no
), counted AS (
  SELECT group_no, count(*) AS devices FROM skipped GROUP BY group_no
), cancelled AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count) SELECT $1, group_no, 9, 0, devices FROM counted
)
UPDATE counter c SET count = c.count - s.devices
FROM counted s
WHERE c.rollout_id = $1 AND c.group_no = s.group_no AND c.state = 0 AND c.shard = 0
