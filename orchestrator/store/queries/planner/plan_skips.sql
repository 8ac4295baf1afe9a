-- Cancels the instructions of rollout :rollout in branches that may lose no device under the plan's budget: branches
-- with one machine, and those in which the budget's percentage is less than one machine.
-- parameters: rollout bigint
WITH skipped AS (
  UPDATE instruction i
  SET state = :CANCELLED, substate = :FINAL, due_at = NULL, ended_at = now(),
      code = CASE WHEN b.machines <= 1 THEN :CODE_SINGLE_DEVICE ELSE :CODE_BRANCH_BUDGET END
  FROM rollout r, branch b
  WHERE r.id = :rollout AND i.rollout_id = r.id AND b.id = i.branch
    AND branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed) = 0
  RETURNING i.group_no
), counted AS (
  SELECT group_no, count(*) AS devices FROM skipped GROUP BY group_no
), cancelled AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count) SELECT :rollout, group_no, :CANCELLED, 0, devices FROM counted
)
UPDATE counter c SET count = c.count - s.devices
FROM counted s
WHERE c.rollout_id = :rollout AND c.group_no = s.group_no AND c.state = :CREATED AND c.shard = 0
