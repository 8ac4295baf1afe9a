-- Refuses this database, since :instance has a mark above it: counter :counter, epoch :epoch and sequence numbers :ids.
-- Of the marks of all instances the highest is kept. Does nothing if the restore was accepted meanwhile.
-- parameters: instance text, counter bigint, epoch bigint, ids text
UPDATE watermark w
SET refused_at = coalesce(w.refused_at, now()),
    refused_by = CASE WHEN w.refused_at IS NULL THEN :instance ELSE w.refused_by END,
    marked_counter = greatest(w.marked_counter, :counter),
    marked_epoch = greatest(w.marked_epoch, :epoch),
    marked_ids = (SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}')
                  FROM (SELECT key, max(value::numeric) AS value
                        FROM (SELECT * FROM jsonb_each_text(w.marked_ids)
                              UNION ALL SELECT * FROM jsonb_each_text(:ids::jsonb)) merged
                        GROUP BY key) m)
FROM installation i
WHERE w.refused_at IS NOT NULL OR w.counter < :counter OR i.epoch < :epoch
  OR EXISTS (SELECT FROM jsonb_each_text(:ids::jsonb) m
             JOIN pg_sequences s ON s.schemaname = current_schema() AND s.sequencename = m.key
             WHERE coalesce(s.last_value, 0) < m.value::bigint)
