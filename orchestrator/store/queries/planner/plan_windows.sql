-- Inserts the windows of each zone of rollout :rollout. Runs after plan_zones.
-- parameters: rollout bigint
INSERT INTO rollout_window (rollout_id, zone_no, opens_at, closes_at)
SELECT r.id, z.zone_no, w.opens_at, w.closes_at
FROM rollout r
JOIN rollout_zone z ON z.rollout_id = r.id,
LATERAL zone_windows(r.plan #> '{spec,schedule}', r.calendars, r.submitted_at, ARRAY[z.zone]) w
WHERE r.id = :rollout
