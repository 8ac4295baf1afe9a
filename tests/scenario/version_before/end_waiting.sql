-- What waits to be started of rollout $1 never will be: at most $2 go to state $3 with code $4. $5: the shard.
WITH waiting AS (
  SELECT id FROM instruction WHERE rollout_id = $1 AND due_at IS NOT NULL ORDER BY group_no, due_at LIMIT $2
  FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE instruction i SET state = $3, due_at = NULL, ended_at = now(), code = $4
  FROM waiting w WHERE i.id = w.id
  RETURNING i.group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, d.group_no, d.state, $5, sum(d.change)
  FROM (SELECT group_no, 0::smallint AS state, -1 AS change FROM moved
        UNION ALL SELECT group_no, $3, 1 FROM moved) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
)
SELECT count(*) FROM moved
