-- Ends a recall round of epoch :epoch; the next one follows after :pause_ms ms. The recall ends when every device that
-- can has reported, or after 30 days.
-- parameters: epoch bigint, pause_ms bigint
UPDATE accepted_restore
SET recall_rounds = least(recall_rounds + 1, 100), recall_at = now() + :pause_ms::bigint * interval '1 ms',
    recalls = accepted_at > now() - interval '30 days'
              AND EXISTS (SELECT FROM device WHERE recalled < :epoch AND NOT recall_unable)
WHERE epoch = :epoch
