-- Removes the keys that signed nothing for :overlap_ms ms: no instruction of theirs is still to be read.
-- parameters: overlap_ms bigint
UPDATE signing_key SET state = :KEY_RETIRED, removed_at = now()
WHERE state = :KEY_RETIRING AND left_at <= now() - :overlap_ms::bigint * interval '1 ms'
