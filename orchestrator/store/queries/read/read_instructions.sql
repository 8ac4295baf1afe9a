-- Reads a page of the instructions of rollout :rollout after instruction :after: in the state or substate :state (deferred: also
-- those that wait for another attempt after one that deferred) and in group :group_name ('': any); those of devices in :patterns
-- (null: of all). Looks at no more than :searched instructions, so that a page can be short or empty. `next`: the :after of the next
-- page; null on the last one.
-- parameters: rollout bigint, state text, group_name text, after bigint, most bigint, searched bigint, patterns text
-- row: document.*
-- alone
WITH searched AS MATERIALIZED (
  SELECT i.id, i.device, i.state, i.substate, i.group_no
  FROM rollout r,
  LATERAL (SELECT i.* FROM instruction i
           WHERE i.rollout_id = r.id AND i.id > :after::bigint AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
           ORDER BY i.id
           LIMIT :searched) i
  WHERE r.id = :rollout
), whole AS MATERIALIZED (
  SELECT :patterns::jsonb IS NULL
         OR coalesce((SELECT t.is_whole FROM rollout r, LATERAL rollout_labels_tell(r, :patterns::jsonb) t WHERE r.id = :rollout), false) AS is_whole
), found AS MATERIALIZED (
  -- In this order, so that those after the last of a page are not looked at.
  SELECT f.id, f.state, f.substate, f.group_no
  FROM (SELECT * FROM searched s ORDER BY s.id OFFSET 0) f
  WHERE (:state::text = ''
         OR f.state IN (SELECT s.state FROM instruction_state s WHERE s.name = :state)
         OR (f.state, f.substate) IN (SELECT b.state, b.substate FROM instruction_substate b WHERE b.name = :state)
         OR f.state = :CREATED AND :state = (SELECT u.name FROM instruction_substate u WHERE u.state = :CREATED AND u.substate = :DEFERRED)
            AND (SELECT last_attempt_deferred(i) FROM instruction i WHERE i.id = f.id AND (i.attempt > 1 OR i.substate = :DEFERRED)))
    AND (:group_name::text = ''
         OR f.group_no IN (SELECT g.group_no FROM rollout_group g WHERE g.rollout_id = :rollout AND g.name = :group_name))
    AND ((SELECT w.is_whole FROM whole w)
         OR (SELECT d.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search d WHERE d.device = f.device))
  LIMIT :most
), matching AS MATERIALIZED (
  SELECT f.id, s.name AS state_name, b.name AS substate_name, g.name AS group_name
  FROM found f
  JOIN instruction_state s ON s.state = f.state
  LEFT JOIN instruction_substate b ON b.state = f.state AND b.substate = f.substate
  JOIN rollout_group g ON g.rollout_id = :rollout AND g.group_no = f.group_no
), page AS (
  SELECT i.*, m.state_name, m.substate_name, m.group_name
  FROM matching m,
  LATERAL (SELECT * FROM instruction i WHERE i.id = m.id OFFSET 0) i
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
  'next', CASE WHEN count(*) = :most THEN max(id)
            WHEN (SELECT count(*) FROM searched) = :searched THEN (SELECT max(id) FROM searched) END)::text AS document
FROM page
