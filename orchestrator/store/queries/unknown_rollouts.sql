-- Which of these names no rollout has, and where in the list they stand (from 0).
SELECT n.at - 1, n.name
FROM unnest($1::text[]) WITH ORDINALITY AS n(name, at)
WHERE NOT EXISTS (SELECT FROM rollout r WHERE r.name = n.name)
ORDER BY n.at
