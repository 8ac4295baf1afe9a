-- Reads all stored artifacts, by name and version, and all blocked versions, stored or not.
-- row: document.*
-- alone
SELECT json_build_object(
  'artifacts', (SELECT coalesce(json_agg(json_build_object(
                    'name', a.name, 'version', a.version, 'sha256', a.sha256, 'size', a.size_bytes,
                    'added_at', rfc3339(a.added_at), 'author', a.author,
                    'blocked', CASE WHEN b.id IS NOT NULL THEN block_told(b) END) ORDER BY a.name, a.version), '[]')
                FROM artifact a
                LEFT JOIN artifact_block b ON b.name = a.name AND b.version = a.version AND b.unblocked_at IS NULL),
  'blocked', (SELECT coalesce(json_agg(json_build_object(
                  'name', b.name, 'version', b.version, 'blocked', block_told(b),
                  'stored', EXISTS (SELECT FROM artifact a WHERE a.name = b.name AND a.version = b.version))
                ORDER BY b.name, b.version), '[]')
              FROM artifact_block b WHERE b.unblocked_at IS NULL))::text AS document
