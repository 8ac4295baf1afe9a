-- How many devices are in scope, and their distinct zones.
SELECT coalesce(sum(devices), 0)::bigint, coalesce(array_agg(zone ORDER BY zone), '{}')
FROM (SELECT zone, count(*) AS devices FROM device_scope($1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) GROUP BY zone) z
