-- Counts the time zones with the name :zone that the database server knows: 0 or 1.
-- parameters: zone text
-- row: matches bigint
SELECT count(*) AS matches FROM pg_timezone_names WHERE name = :zone
