-- Renews the lease of each claim in :claims that :instance still holds: it ends :lease_ms ms from now. Returns the
-- renewed claims; a claim that is missing was delivered, or another instance took it over.
-- parameters: instance text, lease_ms bigint, claims bigint[]
-- row: id bigint
UPDATE claim SET lease_until = now() + :lease_ms::bigint * interval '1 ms' WHERE instance = :instance AND id = ANY (:claims::bigint[])
RETURNING id
