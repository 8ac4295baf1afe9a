-- Compares the members of rollout :rollout, fixed at planning, with the present fleet. `added`: devices that the plan
-- (:named_branches to :devices_in_scope as in preview_cohorts) selects now and did not select then. `gone`: devices
-- that its selector no longer takes; versions are not compared for these, since the rollout itself changes them. A
-- rollout that is not planned has no drift.
-- parameters: members.*, rollout bigint
-- row: document.*
WITH added AS MATERIALIZED (
  SELECT m.device
  FROM group_members(:groups::jsonb, :seed, :devices_in_scope, :named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) m
  WHERE m.group_no IS NOT NULL
    AND (SELECT r.planned_at IS NOT NULL FROM rollout r WHERE r.id = :rollout)
    AND NOT EXISTS (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = :rollout)
), gone AS MATERIALIZED (
  SELECT i.device
  FROM instruction i
  WHERE i.rollout_id = :rollout
    AND NOT EXISTS (SELECT FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, '{}', :origin::jsonb) s WHERE s.device = i.device)
)
SELECT json_build_object(
  'added', json_build_object(
    'devices', (SELECT count(*) FROM added),
    'examples', (SELECT coalesce(json_agg(a.device), '[]') FROM (SELECT device FROM added ORDER BY device LIMIT 100) a)),
  'gone', json_build_object(
    'devices', (SELECT count(*) FROM gone),
    'examples', (SELECT coalesce(json_agg(g.device), '[]') FROM (SELECT device FROM gone ORDER BY device LIMIT 100) g)))::text AS document
