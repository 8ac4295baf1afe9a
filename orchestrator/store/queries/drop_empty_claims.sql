-- Claims of $1 of which nothing is left to deliver.
DELETE FROM claim c
WHERE c.instance = $1
  AND NOT EXISTS (SELECT FROM instruction i WHERE i.id = ANY (c.instructions) AND i.state = 1)
