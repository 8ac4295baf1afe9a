-- row: name text
SELECT name FROM migration ORDER BY name
