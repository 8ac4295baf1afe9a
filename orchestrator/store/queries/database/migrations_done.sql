-- Lists the applied migrations in the order in which they were applied: each name begins with its number.
-- row: name text
SELECT name FROM migration ORDER BY name
