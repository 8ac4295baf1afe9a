-- Finds the size of the artifact file with digest :sha256; several artifacts can share one file. `is_blocked`: all of them are
-- blocked. No row: it is not stored.
-- parameters: sha256 text
-- row: size_bytes bigint, is_blocked boolean
-- alone
SELECT max(a.size_bytes) AS size_bytes, bool_and(b.id IS NOT NULL) AS is_blocked
FROM artifact a
LEFT JOIN artifact_block b ON b.name = a.name AND b.version = a.version AND b.unblocked_at IS NULL
WHERE a.sha256 = :sha256
HAVING count(*) > 0
