-- Withdraws at most :most instructions of rollout :rollout that were dispatched and not answered, and for which an amended end
-- leaves less time to start: of pull clients, which may have theirs on their topic, at once; of nodes and ATMs, which are answered
-- with the earlier time, when none may start any more. Each gets its next check in :withdrawal_ms ms. Skips instructions that are
-- still in a claim on their way to the broker. Returns the devices, which must no longer get them.
-- parameters: rollout bigint, withdrawal_ms bigint, most bigint
-- row: released.*
WITH unanswered AS (
  SELECT i.id
  FROM (SELECT r.last_start_at FROM rollout r WHERE r.id = :rollout) r, instruction i
  WHERE i.rollout_id = :rollout AND i.wake_at IS NOT NULL AND i.state = :DISPATCHED AND i.substate = :ACTIVE
    AND i.start_before > r.last_start_at AND (i.pull OR r.last_start_at <= now())
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = :rollout AND i.id = ANY (c.instructions))
  LIMIT :most
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE instruction i
SET substate = :WITHDRAWING, withdrawn_at = statement_timestamp(), wake_at = now() + :withdrawal_ms::bigint * interval '1 ms'
FROM unanswered u WHERE i.id = u.id AND i.state = :DISPATCHED
RETURNING i.device, i.pull
