-- The rollout that has this name, and the one that has this idempotency key ($2 null: none).
SELECT id, name, digest, state, devices, idempotency_key IS NOT DISTINCT FROM $2 AS same_key
FROM rollout
WHERE name = $1 OR idempotency_key = $2
ORDER BY name = $1 DESC
