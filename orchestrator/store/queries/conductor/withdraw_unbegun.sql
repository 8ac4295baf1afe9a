-- Withdraws at most :most instructions of rollout :rollout that were dispatched and not answered, or received and not
-- begun. The former get their next check in :withdrawal_ms ms; the latter keep their deadline, and the device reports
-- the outcome. Skips instructions that are still in a claim on their way to the broker. Returns the devices, which must
-- no longer get them.
-- parameters: rollout bigint, withdrawal_ms bigint, most bigint
-- row: released.*
WITH unbegun AS (
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = :rollout AND i.wake_at IS NOT NULL AND i.state IN (:DISPATCHED, :RECEIVED) AND i.substate = :ACTIVE
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = :rollout AND i.id = ANY (c.instructions))
  LIMIT :most
  FOR UPDATE SKIP LOCKED
)
UPDATE instruction i
SET substate = :WITHDRAWING, withdrawn_at = now(),
    wake_at = CASE i.state WHEN :DISPATCHED THEN now() + :withdrawal_ms::bigint * interval '1 ms' ELSE i.wake_at END
FROM unbegun u WHERE i.id = u.id AND i.state IN (:DISPATCHED, :RECEIVED)
RETURNING i.device, i.pull
