-- The row that is there afterwards: the new one, or the one that had the name and version before.
WITH added AS (
  INSERT INTO artifact (name, version, sha256, size_bytes, author)
  VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (name, version) DO NOTHING
  RETURNING sha256
)
SELECT sha256 FROM added
UNION ALL
SELECT sha256 FROM artifact WHERE name = $1 AND version = $2
LIMIT 1
