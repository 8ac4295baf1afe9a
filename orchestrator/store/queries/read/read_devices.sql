-- Reads a page of at most :most devices after device :after ('': the first page), in the order of their IDs: those in
-- :patterns (null: all). `next`: the :after of the next page; null on the last one.
-- parameters: after text, most bigint, patterns text
-- row: document.*
-- alone
WITH page AS (
  SELECT d.*, presence_told(p, (SELECT presence_generation()), d.versions_at) AS presence
  FROM device d
  LEFT JOIN branch b ON b.id = d.branch
  LEFT JOIN presence p ON p.device = d.id
  WHERE d.id > :after AND (:patterns::jsonb IS NULL
    OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
  ORDER BY d.id LIMIT :most
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'device', id, 'branch', branch, 'role', role, 'model', model, 'labels', labels, 'versions', versions,
      'versions_at', rfc3339(versions_at), 'retired_at', rfc3339(retired_at),
      'presence', presence) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id) END)::text AS document
FROM page
