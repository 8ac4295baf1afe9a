-- Lists those of the imported zones :zones that the database server no longer knows.
-- parameters: zones text
-- row: zone text
SELECT zone FROM unnest(:zones::text::text[]) AS z(zone) WHERE NOT zone_is_known(zone) ORDER BY zone
