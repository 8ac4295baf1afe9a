-- Reads at most :most devices after device :after ('': the first page), in the order of their IDs, that changed in the
-- directory after version :since; -1: all devices. `revoked_s`: when the certificates of the device were last revoked, in
-- whole seconds; 0: never.
-- parameters: since bigint, after text, most bigint
-- row: device text, branch text null, role text, is_retired boolean, revoked_s bigint
SELECT d.id AS device, d.branch, d.role, d.retired_at IS NOT NULL AS is_retired,
       coalesce(floor(extract(epoch FROM r.revoked_at))::bigint, 0) AS revoked_s
FROM device d LEFT JOIN device_revocation r ON r.device = d.id
WHERE d.id > :after AND d.directory_version > :since
ORDER BY d.id
LIMIT :most
