-- Returns who holds lease :name, and until when; no row: nobody ever did.
-- parameters: name text
-- row: instance text, expires_ms bigint
SELECT instance, (extract(epoch FROM expires_at) * 1000)::bigint AS expires_ms FROM lease WHERE name = :name
