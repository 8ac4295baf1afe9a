-- Returns one row if lease :name still has epoch :epoch, and locks it: no other instance can take the lease until this
-- transaction ends.
-- parameters: name text, epoch bigint
-- row: is_held boolean
SELECT true AS is_held FROM lease WHERE name = :name AND epoch = :epoch FOR SHARE
