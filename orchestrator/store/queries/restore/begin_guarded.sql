-- Begins a transaction and reads the watermark.
-- row: watermark.*
-- script
BEGIN;
SELECT i.id, i.epoch, w.counter, w.refused_at IS NOT NULL AS is_refused, w.refused_by, w.marked_counter FROM installation i, watermark w
