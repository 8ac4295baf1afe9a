-- Counts the devices that a plan's selector selects now.
-- parameters: scope.*
-- row: devices bigint
SELECT count(*) AS devices FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb)
