-- Reads a page of at most :most devices in service after device :after ('': the first page): those that trust the key
-- :id, or with :lacking those that do not. Looks at no more than :scan_limit devices, so that a page can be short. `next`: the :after of
-- the next page; null on the last one.
-- parameters: id text, lacking boolean, after text, most bigint, scan_limit bigint
-- row: document.*
-- alone
WITH scanned AS MATERIALIZED (
  SELECT d.id, d.branch, d.trusted_keys FROM device_in_service d WHERE d.id > :after ORDER BY d.id LIMIT :scan_limit
), page AS MATERIALIZED (
  SELECT s.id, s.branch, s.trusted_keys FROM scanned s
  WHERE coalesce(:id = ANY (s.trusted_keys), false) <> :lacking
  ORDER BY s.id LIMIT :most
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object('device', id, 'branch', branch, 'trusted_keys', trusted_keys)
                               ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id)
            WHEN (SELECT count(*) FROM scanned) = :scan_limit THEN (SELECT max(s.id) FROM scanned s) END)::text AS document
FROM page
