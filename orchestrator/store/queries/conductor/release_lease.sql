-- parameters: name text, instance text
UPDATE lease SET expires_at = now() WHERE name = :name AND instance = :instance
