-- Reads a page of the instructions of rollout :rollout in the state or substate :state and in group :group_name ('': any),
-- after instruction :after; those of devices in :patterns (null: of all).
-- parameters: rollout bigint, state text, group_name text, after bigint, most bigint, patterns text
-- row: document.*
-- alone
WITH page AS (
  SELECT i.*, s.name AS state_name, b.name AS substate_name, g.name AS group_name
  FROM instruction i
  JOIN instruction_state s ON s.state = i.state
  LEFT JOIN instruction_substate b ON b.state = i.state AND b.substate = i.substate
  JOIN rollout_group g ON g.rollout_id = i.rollout_id AND g.group_no = i.group_no
  WHERE i.rollout_id = :rollout AND (:state::text = '' OR :state IN (s.name, b.name)) AND (:group_name::text = '' OR g.name = :group_name) AND i.id > :after::bigint
    AND (:patterns::jsonb IS NULL
         OR EXISTS (SELECT FROM device d LEFT JOIN branch b ON b.id = d.branch
                    WHERE d.id = i.device AND labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))))
  ORDER BY i.id
  LIMIT :most
)
SELECT json_build_object(
  'instructions', coalesce(json_agg(json_build_object(
      'instruction', id, 'device', device, 'branch', branch, 'group', group_name, 'state', state_name,
      'substate', substate_name,
      'attempt', attempt, 'failures', failures, 'deferrals', deferrals, 'progress', progress,
      'planned_at', rfc3339(planned_at), 'due_at', rfc3339(due_at), 'dispatched_at', rfc3339(dispatched_at),
      'sent_at', rfc3339(sent_at), 'received_at', rfc3339(received_at), 'installing_at', rfc3339(installing_at),
      'ended_at', rfc3339(ended_at), 'may_install_until', rfc3339(may_install_until),
      'code', coalesce(code, ''), 'detail', coalesce(detail, ''),
      'events', (SELECT coalesce(json_agg(json_build_object(
                     'at', rfc3339(e.at), 'attempt', e.attempt, 'state', s.name, 'code', e.code, 'detail', e.detail,
                     'dispatched_at', rfc3339(e.dispatched_at), 'sent_at', rfc3339(e.sent_at),
                     'received_at', rfc3339(e.received_at), 'installing_at', rfc3339(e.installing_at))
                   ORDER BY e.at, e.attempt), '[]')
                 FROM instruction_event e
                 JOIN instruction_state s ON s.state = e.state
                 WHERE e.instruction_id = page.id)) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id) END)::text AS document
FROM page
