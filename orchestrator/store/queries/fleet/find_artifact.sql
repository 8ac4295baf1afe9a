-- Finds artifact :name in version :version. Returns its digest and size; no row: it is not stored.
-- parameters: name text, version text
-- row: sha256 text, size_bytes bigint
-- alone
SELECT sha256, size_bytes FROM artifact WHERE name = :name AND version = :version
