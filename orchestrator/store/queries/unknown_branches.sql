-- Which of these branches are not in the fleet, and where in the list they stand (from 0).
SELECT n.at - 1, n.id
FROM unnest($1::text[]) WITH ORDINALITY AS n(id, at)
WHERE NOT EXISTS (SELECT FROM branch b WHERE b.id = n.id)
ORDER BY n.at
