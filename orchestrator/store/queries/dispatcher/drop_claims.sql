-- Deletes the claims :claims of :instance, whose instructions are delivered.
-- parameters: instance text, claims bigint[]
DELETE FROM claim WHERE instance = :instance AND id = ANY (:claims::bigint[])
