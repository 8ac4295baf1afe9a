-- One row when the lease $1 is still held in epoch $2; it cannot change hands until this transaction ends.
SELECT 1 FROM lease WHERE name = $1 AND epoch = $2 FOR SHARE
