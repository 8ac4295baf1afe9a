-- Finds the rollouts with this name or this idempotency key (:idempotency_key null: none).
-- parameters: name text, idempotency_key text
-- row: id bigint, name text, digest text, state text, devices bigint, same_key boolean, detail text
SELECT id, name, digest, state, devices, idempotency_key IS NOT DISTINCT FROM :idempotency_key AS same_key, left(detail, 120) AS detail
FROM rollout
WHERE name = :name OR idempotency_key = :idempotency_key
ORDER BY name = :name DESC
