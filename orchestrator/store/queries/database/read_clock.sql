-- Reads the database's clock in milliseconds since the Unix epoch. Runs outside a transaction, where now() is the time
-- of the statement.
-- row: now_ms bigint
SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms
