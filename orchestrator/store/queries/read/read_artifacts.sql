-- Reads all stored artifacts, by name and version.
-- row: document.*
-- alone
SELECT json_build_object('artifacts', coalesce(json_agg(json_build_object(
    'name', name, 'version', version, 'sha256', sha256, 'size', size_bytes, 'added_at', rfc3339(added_at),
    'author', author) ORDER BY name, version), '[]'))::text AS document
FROM artifact
