-- Reads the version of the directory.
-- row: version bigint
SELECT version FROM directory
