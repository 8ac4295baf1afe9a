-- Counts the devices in scope and lists their distinct zones.
-- parameters: scope.*
-- row: devices bigint, zones text[]
SELECT coalesce(sum(devices), 0)::bigint AS devices, coalesce(array_agg(zone ORDER BY zone), '{}') AS zones
FROM (SELECT zone, count(*) AS devices FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) GROUP BY zone) z
