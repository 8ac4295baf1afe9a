-- Checks the enrolment code with SHA-256 :code_hash of device :device, for the public key with SHA-256 :key_hash ('': not
-- known yet). `is_code` is false for another code, also for one that was replaced. `revoked_s` as in check_certificate.
-- parameters: device text, code_hash text, key_hash text
-- row: is_known boolean, is_code boolean, is_used boolean, is_expired boolean, revoked_s bigint, now_ms bigint
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device AND d.retired_at IS NULL) AS is_known,
       e.device IS NOT NULL AS is_code,
       coalesce(e.used_at IS NOT NULL AND :key_hash <> '' AND e.used_key <> :key_hash, false) AS is_used,
       coalesce(e.expires_at <= now(), false) AS is_expired,
       coalesce((SELECT floor(extract(epoch FROM r.revoked_at))::bigint FROM device_revocation r WHERE r.device = :device),
                0) AS revoked_s,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms
FROM (SELECT) one LEFT JOIN enrolment e ON e.device = :device AND e.code_hash = :code_hash
