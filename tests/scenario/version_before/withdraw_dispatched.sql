-- What was dispatched of rollout $1 and not answered is withdrawn, at most $3: it is looked at again in $2 ms. What is
-- still on its way to the broker is left until it is there. Answers with the devices, which must hear no more of it.
WITH unanswered AS (
  SELECT i.id
  FROM instruction i
  WHERE i.rollout_id = $1 AND i.wake_at IS NOT NULL AND i.state = 1 AND i.withdrawn_at IS NULL
    AND NOT EXISTS (SELECT FROM claim c WHERE c.rollout_id = $1 AND i.id = ANY (c.instructions))
  LIMIT $3
  FOR UPDATE SKIP LOCKED
)
UPDATE instruction i
SET withdrawn_at = now(), wake_at = now() + $2::bigint * interval '1 ms'
FROM unanswered u WHERE i.id = u.id AND i.state = 1
RETURNING i.device, i.pull
