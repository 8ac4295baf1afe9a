-- Starts the planned rollout :rollout for :actor: opens its first group, and cancels the rollouts that its plan
-- supersedes and that have not ended or could still be retried. While there are freezes that count for it, the conductor opens its
-- first group, when none of them touches it. Returns one row if it started; none if it was not
-- waiting to start.
-- parameters: rollout bigint, actor text
-- row: id bigint
WITH started AS (
  UPDATE rollout SET state = :ROLLOUT_RUNNING, approvals_required = approvals_needed(rollout, devices)
  WHERE id = :rollout AND state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL)
  RETURNING id, name, plan, rollback_of IS NOT NULL AS is_rollback, door = :COLLECT_ENDPOINT AS is_collect
), opened AS (
  UPDATE rollout_group g SET state = :GROUP_OPEN, opened_at = clock_timestamp()
  FROM started s
  WHERE g.rollout_id = s.id AND g.group_no = 1 AND g.state IN (:GROUP_WAITING, :GROUP_OPEN)
    AND (s.is_collect OR NOT EXISTS (SELECT FROM freeze_order f
                                     WHERE f.lifted_at IS NULL AND NOT (f.except_rollback AND s.is_rollback)))
  RETURNING g.rollout_id, g.group_no
), superseded AS (
  UPDATE rollout o
  SET version = o.version + 1,
      state = CASE o.state WHEN :ROLLOUT_ACCEPTED THEN :ROLLOUT_CANCELLED ELSE :ROLLOUT_CANCELLING END,
      ended_at = CASE o.state WHEN :ROLLOUT_ACCEPTED THEN now() END, -- a halted one ends again
      detail = 'superseded by ' || s.name
  FROM started s
  WHERE o.id <> s.id AND o.name IN (SELECT jsonb_array_elements_text(coalesce(s.plan #> '{spec,supersedes}', '[]')))
    AND o.state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_HALTED)
  RETURNING o.id, o.state, o.detail
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason, group_no, at) -- not now(): later than its approval
  SELECT id, :KIND_STARTED, :actor, '', NULL::smallint, clock_timestamp() FROM started
  UNION ALL
  SELECT rollout_id, :KIND_GROUP_OPENED, :ACTOR_TELLERCAST, '', group_no, clock_timestamp() FROM opened
  UNION ALL
  SELECT id, :KIND_SUPERSEDED, :actor, detail, NULL, clock_timestamp() FROM superseded
)
SELECT id FROM started
