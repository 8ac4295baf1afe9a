WITH page AS (
  SELECT * FROM rollout WHERE $1::bigint = 0 OR id < $1::bigint ORDER BY id DESC LIMIT $2
)
SELECT json_build_object(
  'rollouts', coalesce(json_agg(json_build_object(
      'rollout', id, 'name', name, 'state', state, 'version', version, 'priority', priority, 'detail', detail,
      'author', author, 'door', door,
      'submitted_at', rfc3339(submitted_at), 'ended_at', rfc3339(ended_at), 'devices', devices,
      'counts', state_counts(id, NULL)) ORDER BY id DESC), '[]'),
  'next', CASE WHEN count(*) = $2 THEN min(id) END)::text
FROM page
