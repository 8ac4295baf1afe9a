-- Moves instructions by reports: arrays of instruction, device, attempt, event, sequence, progress (-1: none), code,
-- detail and versions (everything installed; '': not reported), at most one report of a device on an instruction. An
-- array without any value may be empty. :shard: the counter's shard. Returns only reports that did not move their
-- instruction, or whose device is a pull client: the index in the arrays (from 0), the verdict (REPORT_MOVED;
-- REPORT_STALE: the instruction is as far or further; REPORT_UNKNOWN; REPORT_NOT_STARTED; REPORT_CONTENDED: another
-- writer came between, report it again), and whether the device is a pull client. If it moved one of a pull client that
-- has another instruction in flight, that one is retained on the device's topic: then it is not returned.
--
-- A report counts if the rules have a move for it in the present state and it is about the present attempt. A completed
-- also counts for an earlier attempt: the device's own report takes precedence over a timeout. So does a failed where
-- no other attempt follows (cancelled, expired); it does not lead to one, and a timeout was already counted as a
-- failure. The first :held_deferrals_max deferrals of an instruction by a technician are not counted as deferrals.
-- Each instruction is found by its ID alone, since a device can have hundreds; only reports that move nothing
-- are looked up again for the reason.
--
-- Instructions are locked in the order of their IDs, then devices in the order of theirs, whatever plan PostgreSQL
-- chooses, so that writers of the same rows never deadlock.
--
-- Also returns, with `stage`, how long the moved instructions were in the state before: a row of each such state and
-- bucket by :stage_bounds (metric_stage_bounds), with the number of them and the sum of milliseconds. A move back, as a
-- deferral, does not count.
-- parameters: shard bigint, held_deferrals_max bigint, stage_bounds text
-- batch: id bigint, device text, attempt integer, event smallint, sequence integer, progress smallint, code text,
--   detail text, versions text
-- row: at bigint, verdict integer, pull boolean, stage integer null, bucket integer null, moves bigint null,
--   stage_ms bigint null
WITH report AS MATERIALIZED (
  SELECT *
  FROM unnest(:id::bigint[], :device::text[], :attempt::int[], :event::smallint[], :sequence::int[], :progress::smallint[], :code::text[], :detail::text[],
              :versions::text[])
       WITH ORDINALITY AS r(id, device, attempt, event, sequence, progress, code, detail, versions, at)
), locked AS MATERIALIZED (
  SELECT r.*
  FROM report r
  JOIN instruction i ON i.id = r.id AND (i.device = r.device) IS TRUE -- this form keeps the query planner off the index of devices
  ORDER BY r.id
  FOR NO KEY UPDATE OF i
), moved AS (
  UPDATE instruction i
  SET state = rule.to_state,
      substate = rule.to_substate,
      sequence = greatest(i.sequence, r.sequence),
      progress = CASE WHEN r.progress >= 0 THEN r.progress ELSE i.progress END,
      in_flight = rule.to_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT,
      due_at = CASE WHEN rule.to_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT THEN i.due_at END,
      wake_at = CASE WHEN rule.to_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT THEN i.wake_at
                     WHEN rule.to_substate IN (:DEFERRED, :UNDECIDED) THEN now() END,
      withdrawn_at = CASE WHEN rule.to_substate = :WITHDRAWING THEN i.withdrawn_at END,
      may_install_until = NULL,
      failures = CASE WHEN rule.to_state = :FAILED AND i.state <> :TIMED_OUT AND r.attempt = i.attempt THEN i.failures + 1 ELSE i.failures END,
      deferrals = CASE WHEN r.event <> :ON_DEFERRED OR i.substate = :WITHDRAWING AND r.code IS NOT DISTINCT FROM :CODE_WITHDRAWN THEN i.deferrals
                       WHEN r.code IS NOT DISTINCT FROM :CODE_HELD_BY_TECHNICIAN
                            AND NOT EXISTS (SELECT FROM instruction_event h WHERE h.instruction_id = i.id AND h.code = :CODE_HELD_BY_TECHNICIAN
                                            OFFSET :held_deferrals_max::bigint - 1) THEN i.deferrals
                       ELSE i.deferrals + 1 END,
      sent_at = CASE WHEN rule.to_state >= :SENT THEN coalesce(i.sent_at, now()) ELSE i.sent_at END,
      received_at = CASE WHEN rule.to_state BETWEEN :RECEIVED AND :FAILED THEN coalesce(i.received_at, now()) ELSE i.received_at END,
      installing_at = CASE WHEN rule.to_state = :INSTALLING THEN coalesce(i.installing_at, now()) ELSE i.installing_at END,
      ended_at = CASE WHEN rule.to_state >= :FIRST_END THEN now() END,
      code = nullif(r.code, ''),
      detail = nullif(r.detail, '')
  FROM locked r, instruction_transition rule
  WHERE i.id = r.id
    AND rule.from_state = i.state AND rule.from_substate = i.substate AND rule.event = r.event + 0 * i.state -- this form makes the query planner join the rule last
    AND (r.attempt = i.attempt OR r.attempt < i.attempt AND (r.event = :ON_COMPLETED OR r.event = :ON_FAILED AND i.state IN (:CANCELLED, :EXPIRED)))
    AND NOT (i.state = :CREATED AND i.substate IN (:SCHEDULED, :NO_WINDOW) AND r.attempt = i.attempt)
    AND NOT (rule.to_state = i.state AND r.sequence <= i.sequence)
  RETURNING r.at, r.device, r.versions, i.dispatched_at, i.sent_at, i.received_at, i.installing_at, i.id, i.rollout_id, i.group_no, i.pull, rule.from_state, i.state, r.attempt, r.event, r.code, r.detail
), change AS MATERIALIZED (
  SELECT rollout_id, group_no, from_state, state, count(*) AS instructions
  FROM moved
  WHERE state <> from_state
  GROUP BY rollout_id, group_no, from_state, state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -instructions AS change FROM change
        UNION ALL SELECT rollout_id, group_no, state, instructions FROM change) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), recorded AS (
  -- The row before the move has the times of the attempt.
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail, dispatched_at, sent_at, received_at,
                                 installing_at)
  SELECT m.id, m.attempt, m.state,
         CASE WHEN m.event = :ON_DEFERRED AND coalesce(m.code, '') = '' THEN :CODE_DEFERRED ELSE coalesce(m.code, '') END,
         coalesce(m.detail, ''), i.dispatched_at, i.sent_at, i.received_at, i.installing_at
  FROM moved m
  LEFT JOIN instruction i ON i.id = m.id AND m.from_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT
  WHERE m.event IN (:ON_FAILED, :ON_REJECTED, :ON_DEFERRED)
), installed AS MATERIALIZED (
  -- A report that moves its instruction is not repeated, and the attempt dispatched last has the newest versions.
  SELECT DISTINCT ON (device) device, versions::jsonb AS versions, dispatched_at
  FROM moved
  WHERE versions <> ''
  ORDER BY device, dispatched_at DESC NULLS LAST
), locked_device AS MATERIALIZED (
  SELECT n.* FROM installed n JOIN device d ON d.id = n.device ORDER BY n.device FOR NO KEY UPDATE OF d
), versions AS (
  UPDATE device d SET versions = n.versions, versions_at = now(), versions_from = n.dispatched_at
  FROM locked_device n
  WHERE d.id = n.device AND (d.versions_from IS NULL OR n.dispatched_at >= d.versions_from)
), unmoved AS MATERIALIZED (
  SELECT r.at, r.id, r.device, r.attempt, r.event, r.sequence
  FROM report r
  WHERE (SELECT count(*) FROM moved) < (SELECT count(*) FROM report) -- rare: search only then
    AND NOT EXISTS (SELECT FROM moved m WHERE m.at = r.at)
)
SELECT m.at - 1 AS at, :REPORT_MOVED AS verdict, true AS pull, NULL::integer AS stage, NULL::integer AS bucket,
       NULL::bigint AS moves, NULL::bigint AS stage_ms
FROM moved m
WHERE m.pull AND NOT EXISTS (SELECT FROM instruction o WHERE o.device = m.device AND o.in_flight AND o.id <> m.id)
UNION ALL
SELECT u.at - 1,
       CASE
         WHEN i.id IS NULL OR i.device <> u.device OR u.attempt > i.attempt THEN :REPORT_UNKNOWN
         WHEN i.state = :CREATED AND i.substate IN (:SCHEDULED, :NO_WINDOW) AND u.attempt = i.attempt THEN :REPORT_NOT_STARTED
         WHEN rule.to_state IS NULL THEN :REPORT_STALE
         WHEN u.attempt < i.attempt AND u.event <> :ON_COMPLETED AND NOT (u.event = :ON_FAILED AND i.state IN (:CANCELLED, :EXPIRED)) THEN :REPORT_STALE
         WHEN rule.to_state = i.state AND u.sequence <= i.sequence THEN :REPORT_STALE
         ELSE :REPORT_CONTENDED
       END,
       coalesce(i.pull, false), NULL, NULL, NULL, NULL
FROM unmoved u
LEFT JOIN instruction i ON i.id = u.id
LEFT JOIN instruction_transition rule ON rule.from_state = i.state AND rule.from_substate = i.substate
                                        AND rule.event = u.event
UNION ALL
SELECT 0, :REPORT_MOVED, false, l.from_state, l.bucket, count(*), sum(l.ms)::bigint
FROM (SELECT t.from_state, t.ms, width_bucket(t.ms, :stage_bounds::bigint[]) AS bucket
      FROM (SELECT s.from_state, greatest((extract(epoch FROM now() - s.since) * 1000)::bigint, 0) AS ms
            FROM (SELECT m.from_state, CASE m.from_state WHEN :DISPATCHED THEN m.dispatched_at
                                         WHEN :SENT THEN m.sent_at
                                         WHEN :RECEIVED THEN m.received_at
                                         ELSE m.installing_at END AS since
                  FROM moved m
                  WHERE m.from_state BETWEEN :FIRST_IN_FLIGHT AND :LAST_IN_FLIGHT AND m.state > m.from_state) s
            WHERE s.since IS NOT NULL) t) l
GROUP BY l.from_state, l.bucket
