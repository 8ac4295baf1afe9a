-- Inserts an artifact. Returns the row afterwards, the new one or the one that already had the name and version;
-- whether it is new; and other artifacts with the same bytes :sha256, as a JSON array of at most 20.
-- parameters: name text, version text, sha256 text, size_bytes bigint, author text
-- row: sha256 text, is_new boolean, same_as text
WITH added AS (
  INSERT INTO artifact (name, version, sha256, size_bytes, author)
  VALUES (:name, :version, :sha256, :size_bytes, :author)
  ON CONFLICT (name, version) DO NOTHING
  RETURNING sha256
), same AS (
  SELECT name, version FROM artifact
  WHERE sha256 = :sha256 AND (name, version) <> (:name, :version)
  ORDER BY added_at, name, version
  LIMIT 20
)
SELECT sha256, is_new,
       (SELECT coalesce(json_agg(json_build_object('name', name, 'version', version)), '[]') FROM same)::text AS same_as
FROM (SELECT sha256, true AS is_new FROM added
      UNION ALL
      SELECT sha256, false FROM artifact WHERE name = :name AND version = :version) a
LIMIT 1
