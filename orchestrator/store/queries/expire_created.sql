-- The rollout's end has come: what has not been started never will be. At most $2 at a time; $3: the shard.
WITH late AS (
  SELECT id FROM instruction WHERE rollout_id = $1 AND due_at IS NOT NULL ORDER BY group_no, due_at LIMIT $2
  FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE instruction i SET state = 10, due_at = NULL, ended_at = now(), code = 'rollout_ended'
  FROM late WHERE i.id = late.id
  RETURNING i.group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, d.group_no, d.state, $3, sum(d.change)
  FROM (SELECT group_no, 0 AS state, -1 AS change FROM moved UNION ALL SELECT group_no, 10, 1 FROM moved) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
)
SELECT count(*) FROM moved
