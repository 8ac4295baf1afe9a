-- Deletes the claims of :instance that have nothing left to deliver.
-- parameters: instance text
DELETE FROM claim c
WHERE c.instance = :instance
  AND NOT EXISTS (SELECT FROM instruction i WHERE i.id = ANY (c.instructions) AND i.state = :DISPATCHED)
