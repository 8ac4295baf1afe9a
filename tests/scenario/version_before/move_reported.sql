-- Moves instructions by what is reported of them: arrays of instruction, device, attempt, event, sequence,
-- progress (-1: none), code, detail and versions ('' : none), at most one report of each device on an
-- instruction; an array of which no element says anything may be empty. $10 is the counter's shard. Answers only
-- for those that did not move or are a pull client's: the place in the arrays (from 0); 0 moved, 1 stale (what is
-- there is as far or further), 2 unknown, 3 not started, 4 contended (another writer came between: report it
-- again); and whether it is a pull client's.
--
-- A report counts when the rules have a move for it in the present state and it is about the present attempt; a
-- completed counts for an earlier attempt, too: the device's own word beats our giving up on it. So does a failed
-- where no other attempt will come (cancelled, expired); it leads to none either, and what was timed out has been
-- counted as a failure already. What moves is looked up once, by its id alone (a device can have hundreds of
-- instructions); only what does not move is looked at again, for the reason.
--
-- The rows are taken in the order of their ids: several writers who were told the same (each report comes to one of the
-- orchestrators, and comes again to another) wait for one another, but never in a circle.
WITH report AS MATERIALIZED (
  SELECT *
  FROM unnest($1::bigint[], $2::text[], $3::int[], $4::smallint[], $5::int[], $6::smallint[], $7::text[], $8::text[],
              $9::text[])
       WITH ORDINALITY AS r(id, device, attempt, event, sequence, progress, code, detail, versions, at)
  ORDER BY id
), moved AS (
  UPDATE instruction i
  SET state = rule.to_state,
      sequence = greatest(i.sequence, r.sequence),
      progress = CASE WHEN r.progress >= 0 THEN r.progress ELSE i.progress END,
      in_flight = rule.to_state BETWEEN 1 AND 4,
      due_at = CASE WHEN rule.to_state BETWEEN 1 AND 4 THEN i.due_at END,
      wake_at = CASE WHEN rule.to_state BETWEEN 1 AND 4 THEN i.wake_at
                     WHEN rule.to_state = 6 AND i.state IN (8, 9, 10) THEN i.wake_at
                     WHEN rule.to_state IN (0, 6) THEN now() END,
      failures = CASE WHEN rule.to_state = 6 AND i.state <> 8 AND r.attempt = i.attempt THEN i.failures + 1 ELSE i.failures END,
      deferrals = CASE WHEN r.event = 7 THEN i.deferrals + 1 ELSE i.deferrals END,
      sent_at = CASE WHEN rule.to_state >= 2 THEN coalesce(i.sent_at, now()) ELSE i.sent_at END,
      received_at = CASE WHEN rule.to_state BETWEEN 3 AND 6 THEN coalesce(i.received_at, now()) ELSE i.received_at END,
      installing_at = CASE WHEN rule.to_state = 4 THEN coalesce(i.installing_at, now()) ELSE i.installing_at END,
      ended_at = CASE WHEN rule.to_state >= 5 THEN now() END,
      code = nullif(r.code, ''),
      detail = nullif(r.detail, '')
  FROM report r, instruction_rule rule
  WHERE i.id = r.id AND (i.device = r.device) IS TRUE -- so written, the index of devices is no choice
    AND rule.from_state = i.state AND rule.event = r.event + 0 * i.state -- so written, the rule is found last
    AND (r.attempt = i.attempt OR r.attempt < i.attempt AND (r.event = 4 OR r.event = 5 AND i.state IN (9, 10)))
    AND NOT (i.state = 0 AND r.attempt = i.attempt AND i.due_at IS NOT NULL)
    AND NOT (rule.to_state = i.state AND r.sequence <= i.sequence)
  RETURNING r.at, i.id, i.rollout_id, i.group_no, i.pull, rule.from_state, i.state, r.attempt, r.event, r.code, r.detail
), change AS MATERIALIZED (
  SELECT rollout_id, group_no, from_state, state, count(*) AS instructions
  FROM moved
  WHERE state <> from_state
  GROUP BY rollout_id, group_no, from_state, state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, $10, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -instructions AS change FROM change
        UNION ALL SELECT rollout_id, group_no, state, instructions FROM change) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), told AS (
  -- The row as it was before it moved has the times of the attempt.
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail, dispatched_at, sent_at, received_at,
                                 installing_at)
  SELECT m.id, m.attempt, m.state,
         CASE WHEN m.event = 7 AND coalesce(m.code, '') = '' THEN 'deferred' ELSE coalesce(m.code, '') END,
         coalesce(m.detail, ''), i.dispatched_at, i.sent_at, i.received_at, i.installing_at
  FROM moved m
  LEFT JOIN instruction i ON i.id = m.id AND m.from_state BETWEEN 1 AND 4
  WHERE m.event IN (5, 6, 7)
), versions AS (
  UPDATE device d SET versions = d.versions || r.versions, versions_at = now()
  FROM (SELECT device, versions::jsonb FROM report WHERE versions <> '' ORDER BY device) r
  WHERE d.id = r.device AND NOT d.versions @> r.versions
), unmoved AS MATERIALIZED (
  SELECT r.at, r.id, r.device, r.attempt, r.event, r.sequence
  FROM report r
  WHERE (SELECT count(*) FROM moved) < (SELECT count(*) FROM report) -- seldom, and then looked for
    AND NOT EXISTS (SELECT FROM moved m WHERE m.at = r.at)
)
SELECT at - 1, 0, true FROM moved WHERE pull
UNION ALL
SELECT u.at - 1,
       CASE
         WHEN i.id IS NULL OR i.device <> u.device OR u.attempt > i.attempt THEN 2
         WHEN i.state = 0 AND u.attempt = i.attempt AND i.due_at IS NOT NULL THEN 3
         WHEN rule.to_state IS NULL THEN 1
         WHEN u.attempt < i.attempt AND u.event <> 4 AND NOT (u.event = 5 AND i.state IN (9, 10)) THEN 1
         WHEN rule.to_state = i.state AND u.sequence <= i.sequence THEN 1
         ELSE 4
       END,
       coalesce(i.pull, false)
FROM unmoved u
LEFT JOIN instruction i ON i.id = u.id
LEFT JOIN instruction_rule rule ON rule.from_state = i.state AND rule.event = u.event
