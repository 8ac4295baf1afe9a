-- The claims $3 that $1 still holds are in work for $2 ms more. Answers with them.
UPDATE claim SET lease_until = now() + $2::bigint * interval '1 ms' WHERE instance = $1 AND id = ANY ($3::bigint[])
RETURNING id
