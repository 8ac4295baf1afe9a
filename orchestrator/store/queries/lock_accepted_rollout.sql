-- The next rollout to plan, held by this transaction: another orchestrator passes it over.
SELECT id, plan::text
FROM rollout
WHERE state = 'accepted'
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED
