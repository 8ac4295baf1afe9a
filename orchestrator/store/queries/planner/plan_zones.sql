-- Inserts the zones of rollout :rollout: the one that its plan names for all devices, or else :zones, those of its
-- devices.
-- parameters: rollout bigint, zones text
INSERT INTO rollout_zone (rollout_id, zone_no, zone)
SELECT r.id, z.no, z.zone
FROM rollout r,
LATERAL unnest(CASE r.plan #>> '{spec,schedule,timeZone}' WHEN 'device' THEN :zones::text::text[]
                 ELSE ARRAY[r.plan #>> '{spec,schedule,timeZone}'] END) WITH ORDINALITY AS z(zone, no)
WHERE r.id = :rollout
