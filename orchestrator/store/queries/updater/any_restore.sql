-- Returns whether an operator ever accepted a restored database.
-- row: is_known boolean
SELECT EXISTS (SELECT FROM accepted_restore) AS is_known
