-- Writes the answers of devices to a recall: arrays of device, the epoch of the restore, and whether the device
-- reported what it did or has an agent that cannot.
-- batch: device text, epoch bigint, told bigint
WITH answer AS MATERIALIZED (
  SELECT DISTINCT ON (n.device) n.device, n.epoch, n.told = 1 AS told
  FROM unnest(:device::text[], :epoch::bigint[], :told::bigint[]) WITH ORDINALITY AS n(device, epoch, told, at)
  ORDER BY n.device, n.at DESC
), locked AS MATERIALIZED (
  -- In the order of IDs, so that writers of the same devices never deadlock.
  SELECT a.* FROM answer a JOIN device d ON d.id = a.device ORDER BY a.device FOR NO KEY UPDATE OF d
)
UPDATE device d
SET recalled = CASE WHEN t.told THEN greatest(d.recalled, t.epoch) ELSE d.recalled END, recall_unable = NOT t.told
FROM locked t
WHERE d.id = t.device
