-- Finds token :id. No row: there is none.
-- parameters: id text
-- row: person text, created_by text, is_confirmed boolean, is_revoked boolean
SELECT person, created_by, confirmed_at IS NOT NULL AS is_confirmed, revoked_at IS NOT NULL AS is_revoked
FROM token WHERE id = :id
