-- Returns whether the time :end_at has passed by the database's clock; false if :end_at is null.
-- parameters: end_at text
-- row: has_passed boolean
SELECT coalesce(:end_at::timestamptz <= now(), false) AS has_passed
