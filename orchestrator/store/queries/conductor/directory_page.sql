-- Reads at most :most devices after device :after ('': the first page), in the order of their IDs, that changed in the
-- directory after version :since; -1: all devices.
-- parameters: since bigint, after text, most bigint
-- row: device text, branch text null, role text, is_retired boolean
SELECT id AS device, branch, role, retired_at IS NOT NULL AS is_retired
FROM device
WHERE id > :after AND directory_version > :since
ORDER BY id
LIMIT :most
