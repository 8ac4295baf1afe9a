-- Raises the version of the directory, which every transaction does that changes what the broker's guard must know. Others
-- that do so wait until this one ends, so versions are committed in their order.
-- row: version bigint
UPDATE directory SET version = version + 1 RETURNING version
