-- Commits a cheap write: one row that all orchestrators share and that no part uses as a lease.
INSERT INTO lease (name, instance, epoch, expires_at) VALUES ('readiness', 'all', 0, now())
ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at
