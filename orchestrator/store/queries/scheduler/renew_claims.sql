-- Renews those of the claims :claims that :instance still holds for :lease_ms ms. Returns them.
-- parameters: instance text, lease_ms bigint, claims bigint[]
-- row: id bigint
UPDATE claim SET lease_until = now() + :lease_ms::bigint * interval '1 ms' WHERE instance = :instance AND id = ANY (:claims::bigint[])
RETURNING id
