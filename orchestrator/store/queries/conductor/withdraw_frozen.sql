-- Withdraws at most :most instructions of rollout :rollout that were dispatched and not answered, of devices that are frozen;
-- each gets its next check in :withdrawal_ms ms. Skips instructions that are still in a claim on their way to the broker.
-- Keeps their groups as those that the freezes touch: look_frozen looks only at the first instructions that were dispatched.
-- Returns the devices, which must no longer get them.
-- parameters: rollout bigint, withdrawal_ms bigint, most bigint
-- row: released.*
WITH unanswered AS (
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = :rollout AND i.wake_at IS NOT NULL AND i.state = :DISPATCHED AND i.substate = :ACTIVE
    AND EXISTS (SELECT FROM frozen_device z
                WHERE z.device = i.device AND z.lifted_at IS NULL
                  AND NOT (SELECT r.door = :COLLECT_ENDPOINT OR z.except_rollback AND r.rollback_of IS NOT NULL
                           FROM rollout r WHERE r.id = :rollout)
                OFFSET 0)
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = :rollout AND i.id = ANY (c.instructions))
  LIMIT :most
  FOR UPDATE SKIP LOCKED
), withdrawn AS (
  UPDATE instruction i
  SET substate = :WITHDRAWING, withdrawn_at = statement_timestamp(), -- not now(): later than the freeze
      wake_at = now() + :withdrawal_ms::bigint * interval '1 ms'
  FROM unanswered u WHERE i.id = u.id AND i.state = :DISPATCHED
  RETURNING i.device, i.pull, i.group_no
), touched AS MATERIALIZED (
  SELECT z.freeze_id, array_agg(DISTINCT w.group_no ORDER BY w.group_no) AS groups
  FROM withdrawn w,
  LATERAL (SELECT z.freeze_id, z.except_rollback, z.lifted_at FROM frozen_device z WHERE z.device = w.device OFFSET 0) z
  WHERE z.lifted_at IS NULL AND NOT (z.except_rollback AND (SELECT r.rollback_of IS NOT NULL FROM rollout r WHERE r.id = :rollout))
  GROUP BY z.freeze_id
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason)
  SELECT :rollout, :KIND_FROZEN, f.frozen_by, freeze_words(f) || ': ' || f.reason
  FROM touched t JOIN freeze_order f ON f.id = t.freeze_id
  WHERE NOT EXISTS (SELECT FROM frozen_rollout o WHERE o.rollout_id = :rollout AND o.freeze_id = t.freeze_id AND o.groups <> '{}')
), kept AS (
  INSERT INTO frozen_rollout AS o (freeze_id, rollout_id, seen_group, seen_due_at, seen_instruction, is_whole, groups)
  SELECT t.freeze_id, :rollout, 0, '-infinity', 0, false, t.groups FROM touched t
  ON CONFLICT (rollout_id, freeze_id) DO UPDATE
  SET groups = ARRAY(SELECT DISTINCT u.group_no FROM unnest(o.groups || excluded.groups) AS u(group_no) ORDER BY u.group_no)
  WHERE NOT o.groups @> excluded.groups
)
SELECT device, pull FROM withdrawn
