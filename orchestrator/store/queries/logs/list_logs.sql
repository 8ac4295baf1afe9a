-- Reads a page of the logs of device :device without their contents, the newest first: before log :before (0: the first page), at
-- most :most. No row: there is no such device in :patterns (null: anywhere).
-- parameters: device text, patterns text, before bigint, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT l.id, l.instruction_id, l.rollout_id, r.name, l.attempt, l.received_at, l.size_bytes
  FROM device_log l
  LEFT JOIN rollout r ON r.id = l.rollout_id
  WHERE l.device = :device::text AND (:before::bigint = 0 OR l.id < :before::bigint)
  ORDER BY l.id DESC
  LIMIT :most::bigint
)
SELECT json_build_object(
  'logs', (SELECT coalesce(json_agg(json_build_object(
               'log', p.id, 'instruction', p.instruction_id, 'rollout', p.rollout_id, 'name', p.name, 'attempt', p.attempt,
               'received_at', rfc3339(p.received_at), 'size', p.size_bytes) ORDER BY p.id DESC), '[]') FROM page p),
  'next', (SELECT CASE WHEN count(*) = :most::bigint THEN min(p.id) END FROM page p))::text AS document
FROM device d
LEFT JOIN branch b ON b.id = d.branch
WHERE d.id = :device::text AND (:patterns::jsonb IS NULL
  OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
