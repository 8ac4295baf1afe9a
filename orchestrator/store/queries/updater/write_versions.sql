-- Writes the installed versions that devices reported in their asks, each complete: arrays of device, versions and age
-- in ms; the last of each device counts. A later report by another way stays, unless its time is in the future, which a
-- wrong clock causes. Unchanged versions are written again after ten seconds.
-- batch: device text, versions text, age_ms bigint
WITH reported AS MATERIALIZED (
  SELECT DISTINCT ON (n.device) n.device, n.versions::jsonb AS versions, now() - n.age_ms * interval '1 ms' AS reported_at
  FROM unnest(:device::text[], :versions::text[], :age_ms::bigint[]) WITH ORDINALITY AS n(device, versions, age_ms, at)
  ORDER BY n.device, n.at DESC
), locked AS MATERIALIZED (
  -- In the order of IDs, so that writers of the same devices never deadlock.
  SELECT s.* FROM reported s JOIN device d ON d.id = s.device ORDER BY s.device FOR NO KEY UPDATE OF d
)
UPDATE device d
SET versions = t.versions, versions_at = t.reported_at
FROM locked t
WHERE d.id = t.device AND (d.versions_at BETWEEN t.reported_at AND now()) IS NOT TRUE
  AND (d.versions <> t.versions OR d.versions_at IS NULL
       OR d.versions_at NOT BETWEEN t.reported_at - interval '10 s' AND now())
