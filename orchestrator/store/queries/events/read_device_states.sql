-- Reads how each of :devices is now, if it is in its :patterns (null: anywhere): whether it is online, and its instruction in
-- flight; otherwise its newest one. `place`: in the arrays, from 1 on.
-- parameters: devices text[], patterns text[]
-- row: place bigint, document text
-- alone
SELECT w.place, json_build_object(
    'device', d.id, 'presence', presence_told(p, presence_generation(), d.versions_at) -> 'state',
    'retired', d.retired_at IS NOT NULL,
    'instruction', i.id, 'rollout', i.rollout_id, 'name', i.name, 'attempt', i.attempt, 'state', i.state, 'substate', i.substate,
    'progress', i.progress, 'code', i.code, 'failures', i.failures,
    'unavailable', (SELECT u.code FROM unavailable u WHERE u.device = d.id))::text AS document
FROM unnest(:devices::text[], :patterns::text[]) WITH ORDINALITY AS w(device, patterns, place)
JOIN device d ON d.id = w.device AND device_is_within(d.id, w.patterns::jsonb)
LEFT JOIN presence p ON p.device = d.id
LEFT JOIN LATERAL (
  SELECT n.id, n.rollout_id, r.name, n.attempt, s.name AS state, b.name AS substate, n.progress, coalesce(n.code, '') AS code, n.failures
  FROM instruction n
  JOIN rollout r ON r.id = n.rollout_id
  JOIN instruction_state s ON s.state = n.state
  LEFT JOIN instruction_substate b ON b.state = n.state AND b.substate = n.substate
  WHERE n.device = d.id
  ORDER BY n.in_flight DESC, n.id DESC LIMIT 1) i ON true
