-- parameters: end_at text
-- row: has_passed boolean
SELECT coalesce(:end_at::timestamptz <= now(), false) AS has_passed
