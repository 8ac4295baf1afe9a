-- Reads the version of the tables of people, and the time.
-- row: version bigint, now_ms bigint
-- alone
SELECT version, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms FROM people
