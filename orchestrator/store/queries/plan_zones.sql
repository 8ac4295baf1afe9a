-- The distinct zones of the rollout: its devices' own, or the one that the plan names for all.
INSERT INTO rollout_zone (rollout_id, zone_no, zone)
SELECT $1, row_number() OVER (ORDER BY zone), zone
FROM (
  SELECT DISTINCT CASE p.zone WHEN 'device' THEN s.zone ELSE p.zone END AS zone
  FROM device_scope($2, $3, $4::jsonb, $5::jsonb, $6, $7) s,
       (SELECT plan #>> '{spec,schedule,timeZone}' AS zone FROM rollout WHERE id = $1) p
) z
