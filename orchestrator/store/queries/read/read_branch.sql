-- Reads branch :branch: how it uses its machines, which devices are in flight or unavailable, and which rollouts wait there.
-- No row: there is no such branch, or not each of its devices is in :patterns (null: everywhere).
-- A device that is at work there, belongs to another branch by now and is outside of :patterns is null, as is its rollout.
-- parameters: branch text, patterns text
-- row: document.*
-- alone
SELECT json_build_object(
  'branch', b.id, 'name', b.name, 'zone', b.zone, 'labels', b.labels, 'machines', b.machines,
  'in_flight', u.in_flight, 'unavailable', u.unavailable, 'used', u.used, 'machines_left', u.machines_left, 'budget', u.budget,
  'devices_in_flight', (SELECT coalesce(json_agg(json_build_object(
              'device', w.device, 'rollout', CASE WHEN w.device IS NOT NULL THEN i.rollout_id END, 'state', s.name, 'since', rfc3339(i.dispatched_at))
            ORDER BY w.device), '[]')
          FROM instruction i JOIN instruction_state s ON s.state = i.state,
          LATERAL (SELECT CASE WHEN device_is_within(i.device, :patterns::jsonb) THEN i.device END AS device) w
          WHERE i.branch = b.id AND i.branch IS NOT NULL AND i.in_flight),
  'devices_unavailable', (SELECT coalesce(json_agg(json_build_object(
                         'device', w.device, 'rollout', CASE WHEN w.device IS NOT NULL THEN o.rollout_id END, 'code', o.code, 'since', rfc3339(o.since))
                       ORDER BY w.device), '[]')
                     FROM unavailable o,
                     LATERAL (SELECT CASE WHEN device_is_within(o.device, :patterns::jsonb) THEN o.device END AS device) w
                     WHERE o.branch = b.id),
  'rollouts', (SELECT coalesce(json_agg(json_build_object(
                   'rollout', w.id, 'name', w.name, 'state', w.state, 'waiting', w.waiting, 'in_flight', w.in_flight,
                   'next_due_at', rfc3339(w.next_due_at)) ORDER BY w.id DESC), '[]')
               FROM (SELECT r.id, r.name, r.state, count(*) FILTER (WHERE NOT i.in_flight) AS waiting,
                            count(*) FILTER (WHERE i.in_flight) AS in_flight,
                            min(i.due_at) FILTER (WHERE isfinite(i.due_at)) AS next_due_at
                     FROM device d,
                     LATERAL (SELECT i.rollout_id, i.in_flight, i.due_at
                              FROM instruction i
                              WHERE i.device = d.id AND i.state < :FIRST_END
                              OFFSET 0) i
                     JOIN rollout r ON r.id = i.rollout_id
                     WHERE d.branch = b.id
                     GROUP BY r.id, r.name, r.state) w))::text AS document
FROM branch b,
LATERAL (SELECT * FROM branch_use(b.id, b.machines) OFFSET 0) u
WHERE b.id = :branch AND branch_is_within(b.id, :patterns::jsonb)
