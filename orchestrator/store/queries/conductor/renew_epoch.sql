-- Raises the epoch of lease :name, so that its holder starts again as if it had just been elected.
-- parameters: name text
UPDATE lease SET epoch = epoch + 1 WHERE name = :name
