-- The next rollout to plan after $1, held by this transaction: another orchestrator passes it over.
SELECT id, plan::text
FROM rollout
WHERE state = 'accepted' AND id > $1
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED
