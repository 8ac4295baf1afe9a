-- Moves the waiting instructions and the unavailability of moved devices with them: they count in the new branch, and
-- use the windows of its zone if the rollout has some there.
WITH unavailable_moved AS (
  UPDATE unavailable u SET branch = d.branch FROM imported_moved m JOIN device d ON d.id = m.device WHERE u.device = m.device
), locked AS MATERIALIZED (
  -- In the lock order of the updater.
  SELECT i.id, i.device
  FROM imported_moved m
  JOIN instruction i ON i.device = m.device AND NOT i.in_flight AND i.state NOT IN (:COMPLETED, :CANCELLED, :EXPIRED)
  ORDER BY i.id
  FOR NO KEY UPDATE OF i
)
UPDATE instruction i
SET branch = CASE WHEN (SELECT r.door FROM rollout r WHERE r.id = i.rollout_id) <> :COLLECT_ENDPOINT THEN d.branch END, pull = d.role = :ROLE_PULL,
    zone_no = coalesce((SELECT z.zone_no FROM rollout_zone z
                        WHERE z.rollout_id = i.rollout_id AND z.zone = coalesce(b.zone, d.zone, 'UTC')), i.zone_no)
FROM locked l
JOIN device d ON d.id = l.device
LEFT JOIN branch b ON b.id = d.branch
WHERE i.id = l.id AND NOT i.in_flight AND i.state NOT IN (:COMPLETED, :CANCELLED, :EXPIRED)
