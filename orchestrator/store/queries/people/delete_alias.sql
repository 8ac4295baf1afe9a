-- Unlinks the alias :value of kind :kind.
-- parameters: kind text, value text
DELETE FROM alias WHERE kind = :kind AND value = :value
