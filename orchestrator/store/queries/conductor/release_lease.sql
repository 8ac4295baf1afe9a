-- Ends lease :name now if :instance holds it, so that another instance can take it without waiting.
-- parameters: name text, instance text
UPDATE lease SET expires_at = now() WHERE name = :name AND instance = :instance
