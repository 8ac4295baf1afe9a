-- Withdraws at most :most instructions of rollout :rollout that were dispatched and not answered, of devices that are excluded
-- from it; each gets its next check in :withdrawal_ms ms. Skips instructions that are still in a claim on their way to the
-- broker. Returns the devices, which must no longer get them.
-- parameters: rollout bigint, withdrawal_ms bigint, most bigint
-- row: released.*
WITH unanswered AS (
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = :rollout AND i.wake_at IS NOT NULL AND i.state = :DISPATCHED AND i.substate = :ACTIVE
    AND exclusion_of(:rollout, i.device) IS NOT NULL
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = :rollout AND i.id = ANY (c.instructions))
  LIMIT :most
  FOR UPDATE SKIP LOCKED
)
UPDATE instruction i
SET substate = :WITHDRAWING, withdrawn_at = statement_timestamp(), -- not now(): later than the exclusion
    wake_at = now() + :withdrawal_ms::bigint * interval '1 ms'
FROM unanswered u WHERE i.id = u.id AND i.state = :DISPATCHED
RETURNING i.device, i.pull
