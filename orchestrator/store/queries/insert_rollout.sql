INSERT INTO rollout (name, digest, plan, shared_claims, author, door, idempotency_key, devices)
VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
RETURNING id
