-- Withdraws unanswered instructions of lower priority from the devices that rollout :rollout of priority :priority
-- needs: at most :most, each with its next check in :withdrawal_ms ms. Skips pull clients, which may have theirs
-- already, instructions that are still in a claim on their way to the broker, and devices on which a freeze keeps
-- rollout :rollout from starting. Returns how many.
-- parameters: rollout bigint, priority bigint, withdrawal_ms bigint, most bigint
-- row: withdrawn bigint
WITH unanswered AS (
  SELECT f.id
  FROM rollout r
  JOIN instruction f ON f.rollout_id = r.id AND f.wake_at IS NOT NULL AND f.state = :DISPATCHED AND f.substate = :ACTIVE
                    AND NOT f.pull
  JOIN instruction n ON n.device = f.device AND n.rollout_id = :rollout AND n.state < :FIRST_END
  WHERE r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED) AND r.priority < :priority
    AND (NOT EXISTS (SELECT FROM freeze_order WHERE lifted_at IS NULL)
         OR NOT EXISTS (SELECT FROM frozen_device z
                        WHERE z.device = f.device AND z.lifted_at IS NULL
                          AND NOT (z.except_rollback
                                   AND (SELECT p.rollback_of IS NOT NULL FROM rollout p WHERE p.id = :rollout))))
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = r.id AND f.id = ANY (c.instructions))
  LIMIT :most
  FOR UPDATE OF f SKIP LOCKED
), withdrawn AS (
  UPDATE instruction i
  SET substate = :WITHDRAWING, withdrawn_at = now(), wake_at = now() + :withdrawal_ms::bigint * interval '1 ms'
  FROM unanswered u WHERE i.id = u.id AND i.state = :DISPATCHED
  RETURNING i.id
)
SELECT count(*) AS withdrawn FROM withdrawn
