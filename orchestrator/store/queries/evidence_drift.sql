-- How the fleet has moved away from rollout $11, whose members are those of its planning: devices that its plan ($1 to
-- $10 as in preview_cells) would take now and did not, and those that its selector does not take any more. Versions say
-- nothing of the latter: the rollout itself changes them. Nothing moves away from what is not planned yet.
WITH added AS MATERIALIZED (
  SELECT m.device
  FROM group_members($8::jsonb, $9, $10, $1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) m
  WHERE m.group_no IS NOT NULL
    AND (SELECT r.planned_at IS NOT NULL FROM rollout r WHERE r.id = $11)
    AND NOT EXISTS (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = $11)
), gone AS MATERIALIZED (
  SELECT i.device
  FROM instruction i
  WHERE i.rollout_id = $11
    AND NOT EXISTS (SELECT FROM device_scope($1, $2, $3::jsonb, $4::jsonb, $5, '{}', $7) s WHERE s.device = i.device)
)
SELECT json_build_object(
  'added', json_build_object(
    'devices', (SELECT count(*) FROM added),
    'examples', (SELECT coalesce(json_agg(a.device), '[]') FROM (SELECT device FROM added ORDER BY device LIMIT 100) a)),
  'gone', json_build_object(
    'devices', (SELECT count(*) FROM gone),
    'examples', (SELECT coalesce(json_agg(g.device), '[]') FROM (SELECT device FROM gone ORDER BY device LIMIT 100) g)))::text
