-- Deletes, of the :most oldest logs, those that are older than :retention_ms, and those without which all logs have no more than
-- :size_limit bytes.
-- parameters: retention_ms bigint, size_limit bigint, most bigint
-- counted
WITH oldest AS (
  SELECT o.id, o.received_at, sum(o.size_bytes) OVER (ORDER BY o.received_at, o.id) - o.size_bytes AS bytes_before
  FROM (SELECT id, received_at, size_bytes FROM device_log ORDER BY received_at, id LIMIT :most::bigint) o
)
DELETE FROM device_log l
USING oldest o
WHERE l.id = o.id
  AND (o.received_at < now() - :retention_ms::bigint * interval '1 millisecond'
       OR (SELECT coalesce(sum(size_bytes), 0) FROM device_log) - o.bytes_before > :size_limit::bigint)
