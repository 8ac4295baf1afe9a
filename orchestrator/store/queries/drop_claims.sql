-- Delivered: these claims of $1 are done with.
DELETE FROM claim WHERE instance = $1 AND id = ANY ($2::bigint[])
