-- Describes the block :id with what it has stopped, :paused (a JSON array of rollouts); `in_flight`: instructions to install
-- the version; `same_as`: other artifacts with the same bytes that are not blocked, at most 20.
-- parameters: id bigint, paused text
-- row: document.*
SELECT json_build_object(
  'name', b.name, 'version', b.version,
  'blocked', CASE WHEN b.unblocked_at IS NULL THEN block_told(b) END,
  'unblocked', CASE WHEN b.unblocked_at IS NOT NULL
                 THEN json_build_object('by', b.unblocked_by, 'at', rfc3339(b.unblocked_at), 'reason', b.unblocked_reason) END,
  'paused', :paused::json,
  'in_flight', version_in_flight(b.name, b.version),
  'same_as', (SELECT coalesce(json_agg(json_build_object('name', s.name, 'version', s.version)), '[]')
              FROM (SELECT o.name, o.version
                    FROM artifact a
                    JOIN artifact o ON o.sha256 = a.sha256
                    WHERE a.name = b.name AND a.version = b.version
                      AND NOT EXISTS (SELECT FROM artifact_block x
                                      WHERE x.name = o.name AND x.version = o.version AND x.unblocked_at IS NULL)
                      AND (o.name, o.version) <> (a.name, a.version)
                    ORDER BY o.added_at, o.name, o.version
                    LIMIT 20) s))::text AS document
FROM artifact_block b
WHERE b.id = :id
