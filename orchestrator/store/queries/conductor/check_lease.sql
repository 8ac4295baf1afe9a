-- Returns one row if lease :name is still held in epoch :epoch. It cannot change hands until this transaction ends.
-- parameters: name text, epoch bigint
-- row: is_held boolean
SELECT true AS is_held FROM lease WHERE name = :name AND epoch = :epoch FOR SHARE
