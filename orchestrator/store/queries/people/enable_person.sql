-- Enables person :name again, without roles and tokens.
-- parameters: name text
UPDATE person SET disabled_at = NULL, disabled_by = NULL WHERE name = :name
