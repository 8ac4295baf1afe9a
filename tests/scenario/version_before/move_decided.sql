-- Does what the conductor decided, for each instruction that is still as it was then: arrays of id, state,
-- attempt; of the state to be in, when it is due, when to look again (ms since the epoch; 0: never), and a code:
-- 'withdrawn' of what stays dispatched, and must not be given to its device any more; $8 is the counter's shard.
-- Answers with those whose device must hear no more of them. What somebody is writing at this moment is left: a report
-- has come, or it is looked at again.
WITH decided AS MATERIALIZED (
  SELECT *
  FROM unnest($1::bigint[], $2::smallint[], $3::int[], $4::smallint[], $5::bigint[], $6::bigint[], $7::text[])
       AS d(id, from_state, from_attempt, to_state, due_ms, wake_ms, code)
), free AS MATERIALIZED (
  SELECT d.*
  FROM decided d
  JOIN instruction i ON i.id = d.id AND i.state = d.from_state AND i.attempt = d.from_attempt
  FOR UPDATE OF i SKIP LOCKED
), moved AS (
  UPDATE instruction i
  SET state = d.to_state,
      attempt = CASE WHEN d.due_ms > 0 THEN i.attempt + 1 ELSE i.attempt END,
      due_at = to_timestamp(nullif(d.due_ms, 0) / 1000.0),
      withdrawn_at = CASE WHEN d.due_ms > 0 THEN NULL WHEN d.code = 'withdrawn' THEN now() ELSE i.withdrawn_at END,
      wake_at = to_timestamp(nullif(d.wake_ms, 0) / 1000.0),
      in_flight = d.to_state BETWEEN 1 AND 4,
      failures = CASE WHEN d.to_state IN (6, 8) AND d.to_state <> i.state THEN i.failures + 1 ELSE i.failures END,
      ended_at = CASE WHEN d.to_state < 5 THEN NULL WHEN d.to_state <> i.state THEN now() ELSE i.ended_at END,
      code = CASE WHEN d.to_state >= 5 AND d.to_state <> i.state THEN d.code ELSE i.code END
  FROM free d
  WHERE i.id = d.id AND i.state = d.from_state AND i.attempt = d.from_attempt
  RETURNING i.id, i.rollout_id, i.group_no, i.device, i.pull, i.attempt, d.from_state, i.state, d.code
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, $8, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -1 AS change FROM moved WHERE state <> from_state
        UNION ALL SELECT rollout_id, group_no, state, 1 FROM moved WHERE state <> from_state) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), told AS (
  -- The row as it was before it moved has the times of the attempt, and its number.
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail, dispatched_at, sent_at, received_at,
                                 installing_at)
  SELECT m.id, coalesce(i.attempt, m.attempt), m.state, m.code, '', i.dispatched_at, i.sent_at, i.received_at,
         i.installing_at
  FROM moved m
  LEFT JOIN instruction i ON i.id = m.id AND m.from_state BETWEEN 1 AND 4
  WHERE m.state <> m.from_state
)
SELECT device, pull FROM moved WHERE from_state BETWEEN 1 AND 4 AND (state NOT BETWEEN 1 AND 4 OR code = 'withdrawn')
