-- Raises the counter unless the mark (:marked_counter, :marked_installation, '' for none yet, :marked_epoch,
-- :marked_ids: last numbers of the sequences) shows that this database is another one or older, or the database is
-- already refused. Returns the watermark, the new counter (null: not raised), and a sequence that is below its mark.
-- Sequences have no snapshot, so they are read once.
-- parameters: marked_counter bigint, marked_installation text, marked_epoch bigint, marked_ids text
-- row: watermark.*, counted bigint null, ids text, recall bigint, behind text
WITH behind AS MATERIALIZED (
  SELECT format('%s is at %s, and was at %s', s.sequencename, coalesce(s.last_value, 0), m.value) AS text
  FROM jsonb_each_text(:marked_ids::jsonb) m
  JOIN pg_sequences s ON s.schemaname = current_schema() AND s.sequencename = m.key
  WHERE coalesce(s.last_value, 0) < m.value::bigint
  ORDER BY m.key
  LIMIT 1
), counted AS (
  UPDATE watermark w
  SET counter = w.counter + 1, counted_at = now(),
      gap_from = CASE WHEN now() - w.counted_at > interval '10 s' THEN w.counted_at ELSE w.gap_from END,
      gap_until = CASE WHEN now() - w.counted_at > interval '10 s' THEN now() ELSE w.gap_until END
  FROM installation i
  WHERE w.refused_at IS NULL AND w.counter >= :marked_counter AND i.epoch >= :marked_epoch AND (:marked_installation = '' OR i.id::text = :marked_installation)
    AND NOT EXISTS (SELECT FROM behind)
  RETURNING w.counter
)
SELECT i.id, i.epoch, w.counter, w.refused_at IS NOT NULL AS is_refused, w.refused_by, w.marked_counter,
       (SELECT counter FROM counted) AS counted,
       (SELECT coalesce(jsonb_object_agg(sequencename, last_value), '{}')::text FROM pg_sequences
        WHERE schemaname = current_schema() AND last_value IS NOT NULL) AS ids,
       coalesce((SELECT max(epoch) FROM accepted_restore WHERE recalls), 0) AS recall,
       coalesce((SELECT text FROM behind), '') AS behind
FROM installation i, watermark w
