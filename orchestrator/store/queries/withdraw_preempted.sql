-- Rollout $1 of priority $2 needs its devices: what was dispatched to them by rollouts of lower priority and not
-- answered is withdrawn, at most $4, and looked at again in $3 ms. Pull clients may have theirs already, and what is
-- still on its way to the broker is left until it is there. Answers with the devices, which must hear no more of it.
WITH unanswered AS (
  SELECT f.id
  FROM rollout r
  JOIN instruction f ON f.rollout_id = r.id AND f.wake_at IS NOT NULL AND f.state = 1 AND f.withdrawn_at IS NULL
                    AND NOT f.pull
  JOIN instruction n ON n.device = f.device AND n.rollout_id = $1 AND n.state < 5
  WHERE r.state IN ('running', 'paused') AND r.priority < $2
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = r.id AND f.id = ANY (c.instructions))
  LIMIT $4
  FOR UPDATE OF f SKIP LOCKED
)
UPDATE instruction i
SET withdrawn_at = now(), wake_at = now() + $3::bigint * interval '1 ms'
FROM unanswered u WHERE i.id = u.id AND i.state = 1
RETURNING i.device, i.pull
