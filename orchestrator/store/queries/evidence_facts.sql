-- All that is known of rollout $1 as a whole: who ordered it, who approved which plan and when, and all that happened.
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'version', r.version, 'detail', r.detail,
  'priority', r.priority, 'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'description', r.plan #>> '{metadata,description}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at),
  'started_at', (SELECT rfc3339(min(e.at)) FROM rollout_event e WHERE e.rollout_id = r.id AND e.kind = 'started'),
  'ended_at', rfc3339(r.ended_at), 'reported_at', rfc3339(now()),
  'first_start_at', rfc3339(t.first_start_at), 'last_end_at', rfc3339(t.last_end_at),
  'devices', r.devices, 'counts', state_counts(r.id, NULL),
  'approvals', json_build_object(
    'required', r.approvals_required,
    'given', (SELECT coalesce(json_agg(json_build_object(
                  'actor', a.actor, 'approved', a.approved, 'digest', a.digest, 'reason', a.reason,
                  'at', rfc3339(a.at), 'group', g.name, 'void', a.digest <> r.digest OR a.at <= h.revised_at)
                ORDER BY a.at), '[]')
              FROM approval a
              LEFT JOIN rollout_group g ON g.rollout_id = a.rollout_id AND g.group_no = a.group_no
              WHERE a.rollout_id = r.id)),
  'events', (SELECT coalesce(json_agg(json_build_object(
                 'at', rfc3339(e.at), 'kind', e.kind, 'actor', e.actor, 'reason', e.reason, 'version', e.version,
                 'digest', e.digest, 'group', g.name) ORDER BY e.id), '[]')
             FROM rollout_event e
             LEFT JOIN rollout_group g ON g.rollout_id = e.rollout_id AND g.group_no = e.group_no
             WHERE e.rollout_id = r.id),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'success', g.success, 'soak_s', g.soak_s,
                 'manual', g.manual, 'devices', g.devices, 'opened_at', rfc3339(g.opened_at),
                 'settled_at', rfc3339(g.settled_at), 'ended_at', rfc3339(g.ended_at),
                 'counts', state_counts(r.id, g.group_no)) ORDER BY g.group_no), '[]')
             FROM rollout_group g WHERE g.rollout_id = r.id),
  'rollback_of', (SELECT json_build_object('rollout', o.id, 'name', o.name) FROM rollout o WHERE o.id = r.rollback_of),
  'rollback', (SELECT json_build_object('rollout', b.id, 'name', b.name) FROM rollout b WHERE b.rollback_of = r.id
               ORDER BY b.id DESC LIMIT 1),
  'calendars', r.calendars, 'plan', r.plan)::text
FROM rollout r,
LATERAL (
  SELECT coalesce(max(e.at), '-infinity') AS revised_at
  FROM rollout_event e
  WHERE e.rollout_id = r.id AND e.kind = 'revised'
) h,
LATERAL (
  SELECT min(i.dispatched_at) AS first_start_at, max(i.ended_at) FILTER (WHERE i.dispatched_at IS NOT NULL) AS last_end_at
  FROM instruction i
  WHERE i.rollout_id = r.id
) t
WHERE r.id = $1
