-- Writes which keys devices trust: arrays of device, and of IDs of keys joined by spaces; the last of each device counts.
-- batch: device text, keys text
WITH named AS MATERIALIZED (
  SELECT DISTINCT ON (n.device) n.device, string_to_array(n.keys, ' ') AS keys
  FROM unnest(:device::text[], :keys::text[]) WITH ORDINALITY AS n(device, keys, at)
  ORDER BY n.device, n.at DESC
), locked AS MATERIALIZED (
  -- In the order of IDs, so that writers of the same devices never deadlock.
  SELECT n.* FROM named n JOIN device d ON d.id = n.device ORDER BY n.device FOR NO KEY UPDATE OF d
)
UPDATE device d SET trusted_keys = t.keys
FROM locked t
WHERE d.id = t.device AND d.trusted_keys IS DISTINCT FROM t.keys
