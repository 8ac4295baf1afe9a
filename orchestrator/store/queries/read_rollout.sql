-- Rollout $1 in full. Of its events the last fifty; an approval is void that was of another plan, or given before the
-- last revision.
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'version', r.version, 'priority', r.priority,
  'detail', r.detail, 'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at), 'ended_at', rfc3339(r.ended_at),
  'devices', r.devices, 'counts', state_counts(r.id, NULL),
  'approvals', json_build_object(
    'required', r.approvals_required,
    'given', (SELECT coalesce(json_agg(json_build_object(
                  'actor', a.actor, 'approved', a.approved, 'digest', a.digest, 'reason', a.reason,
                  'at', rfc3339(a.at), 'group', g.name,
                  'void', a.digest <> r.digest OR a.at <= h.revised_at) ORDER BY a.at), '[]')
              FROM approval a
              LEFT JOIN rollout_group g ON g.rollout_id = a.rollout_id AND g.group_no = a.group_no
              WHERE a.rollout_id = r.id)),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'success', g.success, 'soak_s', g.soak_s,
                 'manual', g.manual,
                 'decided', EXISTS (SELECT FROM approval a
                                    WHERE a.rollout_id = r.id AND a.group_no = g.group_no AND a.digest = r.digest),
                 'devices', g.devices, 'opened_at', rfc3339(g.opened_at),
                 'settled_at', rfc3339(g.settled_at), 'ended_at', rfc3339(g.ended_at),
                 'counts', state_counts(r.id, g.group_no)) ORDER BY g.group_no), '[]')
             FROM rollout_group g WHERE g.rollout_id = r.id),
  'first_start_at', rfc3339(t.first_start_at), 'last_completed_at', rfc3339(t.last_completed_at),
  'forecast_end_at', rfc3339(t.forecast_end_at),
  'rollback_of', r.rollback_of, 'rollback', (SELECT b.id FROM rollout b WHERE b.rollback_of = r.id
               ORDER BY b.id DESC LIMIT 1),
  'events', (SELECT coalesce(json_agg(json_build_object(
                 'at', rfc3339(e.at), 'kind', e.kind, 'actor', e.actor, 'reason', e.reason, 'version', e.version,
                 'digest', e.digest, 'group', g.name) ORDER BY e.id), '[]')
             FROM (SELECT * FROM rollout_event WHERE rollout_id = r.id ORDER BY id DESC LIMIT 50) e
             LEFT JOIN rollout_group g ON g.rollout_id = e.rollout_id AND g.group_no = e.group_no),
  'plan', r.plan)::text
FROM rollout r,
LATERAL (
  SELECT coalesce(max(e.at), '-infinity') AS revised_at
  FROM rollout_event e
  WHERE e.rollout_id = r.id AND e.kind = 'revised'
) h,
LATERAL (
  -- Of a rollout at work these would be read from all its rows at each look: they are told when it has ended.
  SELECT min(dispatched_at) AS first_start_at, max(ended_at) FILTER (WHERE state = 5) AS last_completed_at,
         max(planned_at) AS forecast_end_at
  FROM instruction i
  WHERE i.rollout_id = r.id AND r.ended_at IS NOT NULL
) t
WHERE r.id = $1
