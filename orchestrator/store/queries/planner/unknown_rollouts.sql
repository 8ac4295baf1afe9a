-- Lists the names in :names that no rollout has, with their places in the list (from 0).
-- parameters: names text[]
-- row: unknown_name.*
SELECT n.at - 1 AS place, n.name
FROM unnest(:names::text[]) WITH ORDINALITY AS n(name, at)
WHERE NOT EXISTS (SELECT FROM rollout r WHERE r.name = n.name)
ORDER BY n.at
