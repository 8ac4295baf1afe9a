-- Lists the unknown branches among :names, with their places in the list (from 0).
-- parameters: names text[]
-- row: unknown_name.*
SELECT n.at - 1 AS place, n.id AS name
FROM unnest(:names::text[]) WITH ORDINALITY AS n(id, at)
WHERE NOT EXISTS (SELECT FROM branch b WHERE b.id = n.id)
ORDER BY n.at
