-- Withdraws at most :most instructions of rollout :rollout that were dispatched and not answered, of devices that are frozen;
-- each gets its next check in :withdrawal_ms ms. Skips instructions that are still in a claim on their way to the broker.
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
)
UPDATE instruction i
SET substate = :WITHDRAWING, withdrawn_at = statement_timestamp(), -- not now(): later than the freeze
    wake_at = now() + :withdrawal_ms::bigint * interval '1 ms'
FROM unanswered u WHERE i.id = u.id AND i.state = :DISPATCHED
RETURNING i.device, i.pull
