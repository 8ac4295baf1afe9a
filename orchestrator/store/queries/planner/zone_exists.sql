-- parameters: zone text
-- row: matches bigint
SELECT count(*) AS matches FROM pg_timezone_names WHERE name = :zone
