-- parameters: sha256 text
-- row: size_bytes bigint
-- alone
SELECT size_bytes FROM artifact WHERE sha256 = :sha256 LIMIT 1
