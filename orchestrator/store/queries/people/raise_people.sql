-- Begins a change of people: raises the version, and so makes other changes wait until this transaction ends. `before`: the
-- version that the change is made to. A version is a time in microseconds, and so comes once: after an older database was restored, a
-- version that orchestrators have read would stand for other people.
-- row: before bigint
WITH old AS MATERIALIZED (SELECT o.version FROM people o FOR UPDATE)
UPDATE people p SET version = greatest(old.version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
FROM old
RETURNING old.version AS before
