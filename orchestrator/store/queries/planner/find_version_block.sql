-- Finds the block of artifact :name in version :version. No row: it is not blocked.
-- parameters: name text, version text
-- row: blocked_by text, at text, reason text
SELECT blocked_by, rfc3339(blocked_at) AS at, reason
FROM artifact_block
WHERE name = :name AND version = :version AND unblocked_at IS NULL
