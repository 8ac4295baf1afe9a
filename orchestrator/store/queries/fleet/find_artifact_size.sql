-- Finds the size of the artifact file with digest :sha256; several artifacts can share one file. No row: it is not
-- stored.
-- parameters: sha256 text
-- row: size_bytes bigint
-- alone
SELECT size_bytes FROM artifact WHERE sha256 = :sha256 LIMIT 1
