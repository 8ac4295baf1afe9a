-- Deletes the acts up to number :last, which were exported.
-- parameters: last bigint
-- counted
DELETE FROM act WHERE number <= :last
