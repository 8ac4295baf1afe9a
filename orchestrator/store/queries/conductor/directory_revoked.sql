-- Reads at most :most revoked certificates that have not expired, after serial :after ('': the first page), that were revoked
-- after version :since of the directory; -1: all. In lower case.
-- parameters: since bigint, after text, most bigint
-- row: serial text
SELECT lower(serial) AS serial
FROM device_certificate
WHERE revoked_at IS NOT NULL AND not_after > now() AND lower(serial) > :after AND directory_version > :since
ORDER BY 1
LIMIT :most
