-- Reads device :device with its instructions, newest first, and the events of each. Labels and zone include those of
-- its branch. No row: there is no such device in :patterns (null: anywhere).
-- parameters: device text, patterns text
-- row: document.*
-- alone
SELECT json_build_object(
  'device', d.id, 'branch', d.branch, 'role', d.role, 'zone', coalesce(b.zone, d.zone, 'UTC'), 'model', d.model,
  'labels', coalesce(b.labels, '{}') || d.labels, 'versions', d.versions, 'versions_at', rfc3339(d.versions_at),
  'presence', presence_told(p, presence_generation(), d.versions_at),
  'unavailable', (SELECT json_build_object('code', u.code, 'since', rfc3339(u.since), 'rollout', u.rollout_id)
                  FROM unavailable u WHERE u.device = d.id),
  'freezes', (SELECT coalesce(json_agg(freeze_told(f) ORDER BY f.id), '[]')
              FROM freeze_order f
              WHERE f.lifted_at IS NULL
                AND labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (f.patterns)),
  'retired', CASE WHEN d.retired_at IS NOT NULL
               THEN json_build_object('at', rfc3339(d.retired_at), 'by', d.retired_by, 'reason', d.retired_reason) END,
  'instructions', (
    SELECT coalesce(json_agg(json_build_object(
        'instruction', i.id, 'rollout', i.rollout_id, 'name', r.name, 'state', s.name, 'substate', b.name,
        'attempt', i.attempt,
        'progress', i.progress, 'planned_at', rfc3339(i.planned_at), 'due_at', rfc3339(i.due_at),
        'dispatched_at', rfc3339(i.dispatched_at), 'sent_at', rfc3339(i.sent_at),
        'received_at', rfc3339(i.received_at), 'installing_at', rfc3339(i.installing_at),
        'ended_at', rfc3339(i.ended_at), 'may_install_until', rfc3339(i.may_install_until),
        'code', coalesce(i.code, ''), 'detail', coalesce(i.detail, ''),
        'events', (SELECT coalesce(json_agg(json_build_object(
                       'at', rfc3339(e.at), 'attempt', e.attempt, 'state', es.name, 'code', e.code,
                       'detail', e.detail, 'dispatched_at', rfc3339(e.dispatched_at), 'sent_at', rfc3339(e.sent_at),
                       'received_at', rfc3339(e.received_at), 'installing_at', rfc3339(e.installing_at))
                     ORDER BY e.at), '[]')
                   FROM instruction_event e JOIN instruction_state es ON es.state = e.state
                   WHERE e.instruction_id = i.id)) ORDER BY i.id DESC), '[]')
    FROM instruction i
    JOIN rollout r ON r.id = i.rollout_id
    JOIN instruction_state s ON s.state = i.state
    LEFT JOIN instruction_substate b ON b.state = i.state AND b.substate = i.substate
    WHERE i.device = d.id))::text AS document
FROM device d
LEFT JOIN branch b ON b.id = d.branch
LEFT JOIN presence p ON p.device = d.id
WHERE d.id = :device AND (:patterns::jsonb IS NULL
  OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
