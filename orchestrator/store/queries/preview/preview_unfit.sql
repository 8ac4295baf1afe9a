-- Lists the first hundred devices in scope, as in preview_cohorts, that are in a group and in one of the zones
-- :closed_zones (:zone: one zone for all, or 'device').
-- parameters: members.*, closed_zones text[], zone text
-- row: document.*
SELECT coalesce(json_agg(device), '[]')::text AS document
FROM (SELECT m.device
      FROM group_members(:groups::jsonb, :seed, :devices_in_scope, :named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) m
      WHERE m.group_no IS NOT NULL AND CASE :zone WHEN 'device' THEN m.zone ELSE :zone END = ANY (:closed_zones)
      ORDER BY m.device
      LIMIT 100) d
