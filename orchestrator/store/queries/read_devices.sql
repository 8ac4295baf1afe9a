WITH page AS (
  SELECT * FROM device WHERE id > $1 ORDER BY id LIMIT $2
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'device', id, 'branch', branch, 'role', role, 'model', model, 'labels', labels, 'versions', versions,
      'versions_at', rfc3339(versions_at)) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = $2 THEN max(id) END)::text
FROM page
