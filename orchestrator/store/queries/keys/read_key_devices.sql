-- Reads a page of at most :most devices in service after device :after ('': the first page): those that trust the key
-- :id, or with :lacking those that do not. `next`: the :after of the next page; null on the last one.
-- parameters: id text, lacking boolean, after text, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT d.id, d.branch, d.trusted_keys FROM device_in_service d
  WHERE d.id > :after AND coalesce(:id = ANY (d.trusted_keys), false) <> :lacking
  ORDER BY d.id LIMIT :most
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object('device', id, 'branch', branch, 'trusted_keys', trusted_keys)
                               ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id) END)::text AS document
FROM page
