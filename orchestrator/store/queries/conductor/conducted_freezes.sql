-- Counts the freezes in force. `newest_age_ms`: since when the newest is.
-- row: freezes bigint, newest_age_ms bigint
SELECT count(*) AS freezes,
       coalesce((extract(epoch FROM now() - max(frozen_at)) * 1000)::bigint, 0) AS newest_age_ms
FROM freeze_order
WHERE lifted_at IS NULL
