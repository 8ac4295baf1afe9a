-- Reads the version of the tables of people, and keeps it until the transaction ends: changes of people wait.
-- row: version bigint
SELECT version FROM people FOR NO KEY UPDATE
