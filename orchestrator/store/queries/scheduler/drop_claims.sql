-- Deletes these claims of :instance, which are delivered.
-- parameters: instance text, claims bigint[]
DELETE FROM claim WHERE instance = :instance AND id = ANY (:claims::bigint[])
