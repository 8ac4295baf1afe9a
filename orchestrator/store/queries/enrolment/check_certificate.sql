-- Checks whether the certificate of device :device with serial number :serial was revoked. `revoked_s`: when the certificates
-- of the device were last revoked, in whole seconds; 0: never. It also counts for those that are unknown here
-- (topics/revocation.h). `live`: how many certificates of the device are valid now.
-- parameters: device text, serial text
-- row: is_known boolean, is_revoked boolean, revoked_s bigint, live bigint, now_ms bigint
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device AND d.retired_at IS NULL) AS is_known,
       EXISTS (SELECT FROM device_certificate c WHERE c.serial = :serial AND c.revoked_at IS NOT NULL) AS is_revoked,
       coalesce((SELECT floor(extract(epoch FROM r.revoked_at))::bigint FROM device_revocation r WHERE r.device = :device),
                0) AS revoked_s,
       (SELECT count(*) FROM device_certificate c
        WHERE c.device = :device AND c.revoked_at IS NULL AND c.not_after > now()) AS live,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms
