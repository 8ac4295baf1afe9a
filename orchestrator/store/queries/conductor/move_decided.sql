-- Applies the conductor's decisions to each instruction that is unchanged since: arrays of id, state, substate and
-- attempt as they were read; then the new state and substate, the due time, the next check (ms since the epoch; 0:
-- none), until when it may install although it was given up (ms; 0: unchanged), a code, and a detail ('': none). :shard: the counter's
-- shard; :attempts_max: the highest attempt number, which later attempts reuse.
--
-- An instruction that ends for good after a failed attempt, without another one, keeps the code of that failure. Returns the index
-- (from 0) of each instruction that moved, and whether its device must no longer get it. Skips instructions that
-- another transaction is writing: a report has arrived, or the next check decides.
-- parameters: shard bigint, attempts_max bigint
-- batch: id bigint, from_state smallint, from_substate smallint, attempt integer, to_state smallint, to_substate smallint,
--   due_ms bigint, next_check_ms bigint, may_install_until_ms bigint, code text, detail text
-- row: at bigint, released boolean, device text, pull boolean
WITH decided AS MATERIALIZED (
  SELECT *
  FROM unnest(:id::bigint[], :from_state::smallint[], :from_substate::smallint[], :attempt::int[], :to_state::smallint[],
              :to_substate::smallint[], :due_ms::bigint[], :next_check_ms::bigint[], :may_install_until_ms::bigint[], :code::text[], :detail::text[])
       WITH ORDINALITY AS d(id, from_state, from_substate, from_attempt, to_state, to_substate, due_ms, next_check_ms,
                            may_install_until_ms, code, detail, at)
), free AS MATERIALIZED (
  SELECT d.*
  FROM decided d
  JOIN instruction i ON i.id = d.id AND i.state = d.from_state AND i.substate = d.from_substate
                    AND i.attempt = d.from_attempt
  FOR UPDATE OF i SKIP LOCKED
), moved AS (
  UPDATE instruction i
  SET state = d.to_state,
      substate = d.to_substate,
      attempt = CASE WHEN d.due_ms > 0 AND i.attempt < :attempts_max THEN i.attempt + 1 ELSE i.attempt END,
      due_at = to_timestamp(nullif(d.due_ms, 0) / 1000.0),
      withdrawn_at = CASE WHEN d.due_ms > 0 THEN NULL
                       WHEN d.to_substate = :WITHDRAWING THEN coalesce(i.withdrawn_at, now()) ELSE i.withdrawn_at END,
      wake_at = to_timestamp(nullif(d.next_check_ms, 0) / 1000.0),
      may_install_until = coalesce(to_timestamp(nullif(d.may_install_until_ms, 0) / 1000.0), i.may_install_until),
      in_flight = d.to_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT,
      failures = CASE WHEN d.to_state IN (:FAILED, :TIMED_OUT) AND d.to_substate <> :FINAL AND d.to_state <> i.state THEN i.failures + 1 ELSE i.failures END,
      ended_at = CASE WHEN d.to_state < :FIRST_END THEN NULL WHEN d.to_state <> i.state THEN now() ELSE i.ended_at END,
      code = CASE WHEN d.to_state < :FIRST_END OR d.to_state = i.state THEN i.code
               WHEN d.to_substate = :FINAL THEN coalesce((SELECT f.code FROM failing f WHERE f.instruction_id = i.id), d.code)
               ELSE d.code END,
      detail = CASE WHEN d.detail <> '' THEN d.detail
                 WHEN i.state = :DISPATCHED AND d.to_state = :TIMED_OUT THEN NULL -- of an earlier attempt
                 ELSE i.detail END
  FROM free d
  WHERE i.id = d.id AND i.state = d.from_state AND i.substate = d.from_substate AND i.attempt = d.from_attempt
  RETURNING i.id, i.rollout_id, i.group_no, i.device, i.pull, i.attempt, d.from_state, d.from_substate, i.state, i.substate,
            d.code, d.detail, d.at
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -1 AS change FROM moved WHERE state <> from_state
        UNION ALL SELECT rollout_id, group_no, state, 1 FROM moved WHERE state <> from_state) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), recorded AS (
  -- The row before the move has the times of the attempt, and its number.
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail, dispatched_at, sent_at, received_at,
                                 installing_at)
  SELECT m.id, coalesce(i.attempt, m.attempt), m.state, m.code, m.detail, i.dispatched_at, i.sent_at, i.received_at,
         i.installing_at
  FROM moved m
  LEFT JOIN instruction i ON i.id = m.id AND m.from_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT
  WHERE m.state <> m.from_state
)
SELECT at - 1 AS at, from_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT AND (state NOT BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT
         OR substate = :WITHDRAWING AND from_substate <> :WITHDRAWING) AS released,
       device, pull
FROM moved
