-- Gives another attempt, due now, to each instruction of rollout :rollout that failed, timed out or was rejected, or
-- was cancelled after it had failed; resets its failures. Unavailable devices go first. What is
-- excluded from the rollout stays out. Reopens the groups, voids their
-- approvals, and resets the counts of the abort criteria. :shard: the counter's shard; :attempts_max: the highest
-- attempt number. Returns the number of retried instructions.
-- parameters: rollout bigint, shard bigint, attempts_max bigint
-- row: retried bigint
WITH locked AS MATERIALIZED (
  -- In the lock order of the updater.
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = :rollout
    AND (i.state IN (:FAILED, :REJECTED, :TIMED_OUT) OR i.state = :CANCELLED AND EXISTS (SELECT FROM failing f WHERE f.instruction_id = i.id))
    AND NOT EXISTS (SELECT FROM device d WHERE d.id = i.device AND d.retired_at IS NOT NULL)
    AND (NOT EXISTS (SELECT FROM exclusion x WHERE x.rollout_id = :rollout) OR exclusion_of(:rollout, i.device) IS NULL)
  ORDER BY i.id
  FOR NO KEY UPDATE OF i
), moved AS (
  UPDATE instruction i
  SET state = rule.to_state, substate = rule.to_substate,
      attempt = CASE WHEN i.attempt < :attempts_max THEN i.attempt + 1 ELSE i.attempt END, wake_at = NULL, withdrawn_at = NULL, in_flight = false,
      due_at = CASE WHEN EXISTS (SELECT FROM unavailable u WHERE u.device = i.device) THEN now() - interval '1 s'
                 ELSE now() END,
      failures = 0, deferrals = 0, progress = NULL, ended_at = NULL, detail = NULL,
      code = CASE WHEN code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT, :CODE_NOT_INSTALLING, :CODE_ATM_SILENT, :CODE_DEVICE_SILENT,
                           :CODE_NODE_OFFLINE, :CODE_DEVICE_OFFLINE)
               THEN code END -- kept until the device reports again
  FROM locked l, instruction_transition rule
  WHERE i.id = l.id
    AND rule.from_state = i.state AND rule.from_substate = i.substate AND rule.event = :ON_RETRY
  RETURNING i.group_no, rule.from_state
), change AS MATERIALIZED (
  SELECT group_no, from_state, count(*) AS instructions FROM moved GROUP BY group_no, from_state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT :rollout, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT group_no, from_state AS state, -instructions AS change FROM change
        UNION ALL SELECT group_no, :CREATED::smallint, instructions FROM change) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), opened AS (
  UPDATE rollout_group g
  SET state = :GROUP_OPEN, settled_at = NULL, reached_at = NULL, ended_at = NULL, opened_at = coalesce(g.opened_at, now())
  WHERE g.rollout_id = :rollout AND g.group_no IN (SELECT group_no FROM change)
), abort_counts_reset AS (
  UPDATE rollout SET abort_seen = '{}' WHERE id = :rollout
), voided AS (
  DELETE FROM approval a WHERE a.rollout_id = :rollout AND a.group_no IN (SELECT group_no FROM change)
  RETURNING a.*
), archived AS (
  INSERT INTO approval_voided (rollout_id, group_no, digest, actor, approved, reason, at, because)
  SELECT rollout_id, group_no, digest, actor, approved, reason, at, 'what failed was to be tried again' FROM voided
)
SELECT coalesce(sum(instructions), 0)::bigint AS retried FROM change
