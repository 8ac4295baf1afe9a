-- What was dispatched of rollout $1 and not answered within $2 ms is cancelled with code $3: at most $4. What is still
-- on its way to the broker is left until it is there. $5: the shard. Answers with the devices, which must hear no more
-- of it.
WITH unanswered AS (
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = $1 AND i.wake_at IS NOT NULL AND i.state = 1
    AND i.dispatched_at <= now() - $2::bigint * interval '1 ms'
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = $1 AND i.id = ANY (c.instructions))
  LIMIT $4
  FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE instruction i
  SET state = 9, in_flight = false, wake_at = NULL, ended_at = now(), code = $3
  FROM unanswered u WHERE i.id = u.id AND i.state = 1
  RETURNING i.device, i.pull, i.group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, d.group_no, d.state, $5, sum(d.change)
  FROM (SELECT group_no, 1 AS state, -1 AS change FROM moved UNION ALL SELECT group_no, 9, 1 FROM moved) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
)
SELECT device, pull FROM moved
