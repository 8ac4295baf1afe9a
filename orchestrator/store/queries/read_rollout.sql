SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'detail', r.detail,
  'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at), 'ended_at', rfc3339(r.ended_at),
  'devices', r.devices, 'counts', state_counts(r.id, NULL),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'success', g.success, 'devices', g.devices,
                 'opened_at', rfc3339(g.opened_at), 'ended_at', rfc3339(g.ended_at),
                 'counts', state_counts(r.id, g.group_no)) ORDER BY g.group_no), '[]')
             FROM rollout_group g WHERE g.rollout_id = r.id),
  'first_start_at', rfc3339(t.first_start_at), 'last_completed_at', rfc3339(t.last_completed_at),
  'forecast_end_at', rfc3339(t.forecast_end_at),
  'plan', r.plan)::text
FROM rollout r,
LATERAL (
  -- Of a rollout at work these would be read from all its rows at each look: they are told when it has ended.
  SELECT min(dispatched_at) AS first_start_at, max(ended_at) FILTER (WHERE state = 5) AS last_completed_at,
         max(planned_at) AS forecast_end_at
  FROM instruction i
  WHERE i.rollout_id = r.id AND r.ended_at IS NOT NULL
) t
WHERE r.id = $1
