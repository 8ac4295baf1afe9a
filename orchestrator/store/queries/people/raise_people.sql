-- Begins a change of people: raises the version, and so makes other changes wait until this transaction ends.
UPDATE people SET version = version + 1
