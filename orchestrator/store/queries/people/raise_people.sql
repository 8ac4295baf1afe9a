-- Begins a change of people: raises the version, and so makes other changes wait until this transaction ends. `before`: the
-- version that the change is made to.
-- row: before bigint
UPDATE people SET version = version + 1 RETURNING version - 1 AS before
