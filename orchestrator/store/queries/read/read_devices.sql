-- Reads a page of at most :most devices after device :after ('': the first page), in the order of their IDs. `next`:
-- the :after of the next page; null on the last one.
-- parameters: after text, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT * FROM device WHERE id > :after ORDER BY id LIMIT :most
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'device', id, 'branch', branch, 'role', role, 'model', model, 'labels', labels, 'versions', versions,
      'versions_at', rfc3339(versions_at), 'retired_at', rfc3339(retired_at)) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id) END)::text AS document
FROM page
