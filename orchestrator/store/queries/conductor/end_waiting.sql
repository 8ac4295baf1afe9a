-- Moves at most :most waiting instructions of rollout :rollout to the end state :to_state with code :code. One that
-- failed before keeps the code of that failure. Moves nothing, and is not held, if the rollout is no longer at :version: its end
-- may be a later one now; locks it so that it stays there. :shard: the counter's shard.
-- parameters: rollout bigint, version bigint, most bigint, to_state bigint, code text, shard bigint
-- row: ended bigint, is_held boolean
WITH held AS MATERIALIZED (
  SELECT id FROM rollout WHERE id = :rollout AND version = :version FOR NO KEY UPDATE
), waiting AS (
  SELECT id FROM instruction
  WHERE rollout_id = (SELECT id FROM held) AND due_at IS NOT NULL AND state = :CREATED
  ORDER BY group_no, due_at LIMIT :most
  FOR UPDATE SKIP LOCKED
), moved AS (
  UPDATE instruction i SET state = :to_state, substate = :FINAL, due_at = NULL, ended_at = now(), code = coalesce((SELECT f.code FROM failing f WHERE f.instruction_id = i.id), :code)
  FROM waiting w WHERE i.id = w.id
  RETURNING i.group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT :rollout, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT group_no, :CREATED::smallint AS state, -1 AS change FROM moved
        UNION ALL SELECT group_no, :to_state, 1 FROM moved) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
)
SELECT count(*) AS ended, EXISTS (SELECT FROM held) AS is_held FROM moved
