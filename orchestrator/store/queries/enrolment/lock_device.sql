-- Locks device :device until this transaction ends, so that issuing and revoking take turns; no row: it does not exist.
-- `now_ms` is the time of the transaction.
-- parameters: device text
-- row: now_ms bigint
SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms FROM device WHERE id = :device FOR NO KEY UPDATE
