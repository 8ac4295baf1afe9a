-- The zones of rollout $1: its devices' own, which are $2, or the one that the plan names for all.
INSERT INTO rollout_zone (rollout_id, zone_no, zone)
SELECT r.id, z.no, z.zone
FROM rollout r,
LATERAL unnest(CASE r.plan #>> '{spec,schedule,timeZone}' WHEN 'device' THEN $2::text::text[]
                 ELSE ARRAY[r.plan #>> '{spec,schedule,timeZone}'] END) WITH ORDINALITY AS z(zone, no)
WHERE r.id = $1
