-- Rollout $1 of priority $2 needs its devices: what was dispatched to them by rollouts of lower priority and not
-- answered within $3 ms is taken back, at most $4, to be started again after it. Pull clients may have theirs already,
-- and what is still on its way to the broker is left until it is there. $5: the shard. Answers with the devices, which
-- must hear no more of it.
WITH unanswered AS (
  SELECT f.id
  FROM rollout r
  JOIN instruction f ON f.rollout_id = r.id AND f.wake_at IS NOT NULL AND f.state = 1 AND NOT f.pull
                    AND f.dispatched_at <= now() - $3::bigint * interval '1 ms'
  JOIN instruction n ON n.device = f.device AND n.rollout_id = $1 AND n.state < 5
  WHERE r.state IN ('running', 'paused') AND r.priority < $2
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = r.id AND f.id = ANY (c.instructions))
  LIMIT $4
  FOR UPDATE OF f SKIP LOCKED
), moved AS (
  UPDATE instruction i
  SET state = 0, in_flight = false, wake_at = NULL, due_at = now(), attempt = i.attempt + 1
  FROM unanswered u WHERE i.id = u.id AND i.state = 1
  RETURNING i.id, i.rollout_id, i.group_no, i.device, i.pull, i.attempt, i.dispatched_at
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, $5, sum(d.change)
  FROM (SELECT rollout_id, group_no, 1 AS state, -1 AS change FROM moved
        UNION ALL SELECT rollout_id, group_no, 0, 1 FROM moved) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), told AS (
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail, dispatched_at)
  SELECT id, attempt - 1, 0, 'preempted', 'for rollout ' || $1, dispatched_at FROM moved
)
SELECT device, pull FROM moved
