-- Inserts the zones of rollout :rollout: :zones, those of its devices, or the one that the plan names for all.
-- parameters: rollout bigint, zones text
INSERT INTO rollout_zone (rollout_id, zone_no, zone)
SELECT r.id, z.no, z.zone
FROM rollout r,
LATERAL unnest(CASE r.plan #>> '{spec,schedule,timeZone}' WHEN 'device' THEN :zones::text::text[]
                 ELSE ARRAY[r.plan #>> '{spec,schedule,timeZone}'] END) WITH ORDINALITY AS z(zone, no)
WHERE r.id = :rollout
