-- Counts the devices in scope (:named_branches to :origin) in each of the zones :zones, with an example: a branch that
-- has the zone, or a device without a branch.
-- parameters: scope.*, zones text[]
-- row: zone text, devices bigint, branch text null, device text null
SELECT zone, count(*) AS devices, min(branch) AS branch, min(device) FILTER (WHERE branch IS NULL) AS device
FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb)
WHERE zone = ANY (:zones)
GROUP BY zone
ORDER BY zone
