-- What waits for the devices that were moved goes with them: it counts in the branch where they are now, and keeps to
-- the windows of that branch's zone, if its rollout has some there.
UPDATE instruction i
SET branch = d.branch, pull = d.role = 'pull',
    zone_no = coalesce((SELECT z.zone_no FROM rollout_zone z
                        WHERE z.rollout_id = i.rollout_id AND z.zone = coalesce(b.zone, d.zone, 'UTC')), i.zone_no)
FROM imported_moved m
JOIN device d ON d.id = m.device
LEFT JOIN branch b ON b.id = d.branch
WHERE i.device = m.device AND NOT i.in_flight AND i.state NOT IN (5, 9, 10)
