-- Lists the zones in :zones, those of the devices in scope, that the database server does not know.
-- parameters: zones text
-- row: zone text
SELECT zone FROM unnest(:zones::text::text[]) AS z(zone) WHERE NOT zone_is_known(zone) ORDER BY zone
