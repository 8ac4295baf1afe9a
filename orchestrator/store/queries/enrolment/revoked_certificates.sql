-- The revoked certificates that have not expired.
-- row: serial text, revoked_ms bigint
SELECT serial, (extract(epoch FROM revoked_at) * 1000)::bigint AS revoked_ms
FROM device_certificate WHERE revoked_at IS NOT NULL AND not_after > now()
ORDER BY serial
