-- Checks that the server answers. Uses no table, so it also works before the first migration.
SELECT 1
