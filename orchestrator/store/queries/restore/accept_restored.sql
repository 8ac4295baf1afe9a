-- Accepts the restored database for :actor with reason :reason: raises the epoch above each that a device may have
-- seen, moves the sequences beyond each number that may have been used, also after the last mark, and raises the
-- counter above each mark. The time from which work is lost (`restored_to`) is set early rather than late: an instance
-- may have counted after the restore, before it compared a mark. No mark above 2^51 (MARK_BELIEVED_MAX) is trusted, and
-- no sequence is moved past its end.
-- parameters: actor text, reason text
-- row: epoch bigint
WITH limits AS (
  SELECT 2251799813685248 AS most
), sequence_state AS (
  SELECT s.sequencename, s.last_value, s.max_value,
         greatest(s.last_value, least((w.marked_ids ->> s.sequencename::text)::numeric, b.most)::bigint) AS used
  FROM watermark w, limits b,
       (SELECT sequencename, coalesce(last_value, 1) AS last_value, max_value FROM pg_sequences
        WHERE schemaname = current_schema()) s
), moved AS MATERIALIZED (
  SELECT sequencename, last_value,
         setval(quote_ident(sequencename)::regclass,
                least(used + CASE sequencename WHEN 'rollout_id_seq' THEN 10000 ELSE 10000000 END, max_value)) AS now_at
  FROM sequence_state
), entered AS (
  UPDATE installation i SET epoch = greatest(i.epoch, least(w.marked_epoch, b.most)) + 1
  FROM watermark w, limits b
  RETURNING i.epoch
), accepted AS (
  INSERT INTO accepted_restore (epoch, refused_at, refused_by, actor, reason, restored_to, instruction_through,
                                instruction_ceiling)
  SELECT e.epoch, w.refused_at, w.refused_by, :actor, :reason,
         CASE WHEN w.gap_until > w.refused_at - interval '7 days' THEN least(w.gap_from, w.counted_at)
              ELSE w.counted_at END - interval '1 hour',
         m.last_value, m.now_at + 1000000000
  FROM entered e, watermark w, moved m
  WHERE m.sequencename = 'instruction_id'
  RETURNING epoch
), closed AS (
  UPDATE accepted_restore SET recalls = false WHERE recalls
)
UPDATE watermark w
SET counter = greatest(w.counter, least(w.marked_counter, b.most)) + 1000000, counted_at = now(), refused_at = NULL, refused_by = '',
    marked_counter = 0, marked_epoch = 0, marked_ids = '{}'
FROM accepted a, limits b
RETURNING a.epoch
