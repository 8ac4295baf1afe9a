-- Moves instructions by what is reported of them: arrays of instruction, device, attempt, event, sequence,
-- progress (-1: none), code, detail and versions ('' : none), at most one report of each device on an
-- instruction; $10 is the counter's shard. Answers, for each report: 0 moved, 1 stale (what is there is as far or
-- further), 2 unknown, 3 not started, 4 contended (another writer came between: report it again).
--
-- A report counts when the rules have a move for it in the present state and it is about the present attempt; a
-- completed counts for an earlier attempt, too: the device's own word beats our giving up on it.
WITH report AS MATERIALIZED (
  SELECT *
  FROM unnest($1::bigint[], $2::text[], $3::int[], $4::smallint[], $5::int[], $6::smallint[], $7::text[], $8::text[],
              $9::text[])
       WITH ORDINALITY AS r(id, device, attempt, event, sequence, progress, code, detail, versions, at)
), judged AS MATERIALIZED (
  SELECT r.*, i.state AS from_state, i.attempt AS from_attempt, i.sequence AS from_sequence, rule.to_state,
         CASE
           WHEN i.id IS NULL OR i.device <> r.device OR r.attempt > i.attempt THEN 2
           WHEN i.state = 0 AND r.attempt = i.attempt AND i.due_at IS NOT NULL THEN 3
           WHEN rule.to_state IS NULL THEN 1
           WHEN r.attempt < i.attempt AND r.event <> 4 THEN 1
           WHEN rule.to_state = i.state AND r.sequence <= i.sequence THEN 1
           ELSE 0
         END AS verdict
  FROM report r
  LEFT JOIN instruction i ON i.id = r.id -- by its id alone: a device can have hundreds of instructions
  LEFT JOIN instruction_rule rule ON rule.from_state = i.state AND rule.event = r.event
), moved AS (
  UPDATE instruction i
  SET state = j.to_state,
      sequence = greatest(i.sequence, j.sequence),
      progress = CASE WHEN j.progress >= 0 THEN j.progress ELSE i.progress END,
      in_flight = j.to_state BETWEEN 1 AND 4,
      due_at = CASE WHEN j.to_state BETWEEN 1 AND 4 THEN i.due_at END,
      wake_at = CASE WHEN j.to_state BETWEEN 1 AND 4 THEN i.wake_at
                     WHEN j.to_state IN (0, 6) THEN now() END,
      failures = CASE WHEN j.to_state = 6 THEN i.failures + 1 ELSE i.failures END,
      deferrals = CASE WHEN j.event = 7 THEN i.deferrals + 1 ELSE i.deferrals END,
      sent_at = CASE WHEN j.to_state >= 2 THEN coalesce(i.sent_at, now()) ELSE i.sent_at END,
      received_at = CASE WHEN j.to_state BETWEEN 3 AND 6 THEN coalesce(i.received_at, now()) ELSE i.received_at END,
      installing_at = CASE WHEN j.to_state = 4 THEN coalesce(i.installing_at, now()) ELSE i.installing_at END,
      ended_at = CASE WHEN j.to_state >= 5 THEN now() END,
      code = nullif(j.code, ''),
      detail = nullif(j.detail, '')
  FROM judged j
  WHERE j.verdict = 0 AND i.id = j.id
    AND i.state = j.from_state AND i.attempt = j.from_attempt AND i.sequence = j.from_sequence
  RETURNING i.id, i.rollout_id, i.group_no, i.pull, j.from_state, i.state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, $10, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -1 AS change FROM moved WHERE state <> from_state
        UNION ALL SELECT rollout_id, group_no, state, 1 FROM moved WHERE state <> from_state) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), told AS (
  INSERT INTO instruction_event (instruction_id, attempt, state, code, detail)
  SELECT j.id, j.attempt, m.state, CASE WHEN j.event = 7 AND j.code = '' THEN 'deferred' ELSE j.code END, j.detail
  FROM judged j JOIN moved m ON m.id = j.id
  WHERE j.event IN (5, 6, 7) AND j.verdict = 0
), versions AS (
  UPDATE device d SET versions = d.versions || j.versions::jsonb, versions_at = now()
  FROM judged j
  WHERE j.versions <> '' AND d.id = j.device AND NOT d.versions @> j.versions::jsonb
)
SELECT CASE WHEN j.verdict = 0 AND m.id IS NULL THEN 4 ELSE j.verdict END, m.pull
FROM judged j
LEFT JOIN moved m ON m.id = j.id
ORDER BY j.at
