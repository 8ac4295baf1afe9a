-- Checks whether the certificate of device :device with serial number :serial, whose validity begins at :not_before_ms, was
-- revoked. `live`: how many certificates of the device are valid now.
-- parameters: device text, serial text, not_before_ms bigint
-- row: is_known boolean, is_revoked boolean, live bigint, now_ms bigint
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device AND d.retired_at IS NULL) AS is_known,
       coalesce((SELECT c.revoked_at IS NOT NULL FROM device_certificate c WHERE c.serial = :serial),
                (SELECT r.revoked_at > to_timestamp(:not_before_ms / 1000.0) FROM device_revocation r
                 WHERE r.device = :device),
                false) AS is_revoked,
       (SELECT count(*) FROM device_certificate c
        WHERE c.device = :device AND c.revoked_at IS NULL AND c.not_after > now()) AS live,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms
