-- Proves that the database accepts writes, by a cheap one: updates a row that all orchestrators share and that no part
-- uses as a lease. Inserts it the first time.
INSERT INTO lease (name, instance, epoch, expires_at) VALUES ('readiness', 'all', 0, now())
ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at
