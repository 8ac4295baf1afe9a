-- One row when rollout $1 is still of version $2; it cannot change until this transaction ends.
SELECT 1 FROM rollout WHERE id = $1 AND version = $2 FOR UPDATE
