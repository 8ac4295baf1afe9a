-- Reads the number of the last rotation in each row, and all signing keys, the oldest first. `is_held`: orchestrator
-- :holder has no newer key that may sign. One row with a null id: there are none.
-- parameters: holder text
-- row: id text null, x text null, state text null, rotation bigint null, is_held boolean, last_rotation bigint
-- alone
SELECT k.id, k.x, k.state, k.rotation, coalesce(:holder = ANY (k.holders), false) AS is_held, r.number AS last_rotation
FROM key_rotation r
LEFT JOIN signing_key k ON true
ORDER BY k.created_at, k.id
