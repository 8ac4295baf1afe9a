-- Deletes, of the :most oldest events, those that are older than :retention_ms and those beyond the :kept newest.
-- parameters: retention_ms bigint, kept bigint, most bigint
-- counted
DELETE FROM event e
USING (SELECT position, at FROM event ORDER BY position LIMIT :most::bigint) o
WHERE e.position = o.position
  AND (o.at < now() - :retention_ms::bigint * interval '1 millisecond'
       OR o.position <= (SELECT h.position - :kept::bigint FROM event_head h))
