-- Finds the alias :value of kind :kind. No row: there is none.
-- parameters: kind text, value text
-- row: person text, linked_by text, is_confirmed boolean
SELECT person, linked_by, confirmed_at IS NOT NULL AS is_confirmed FROM alias WHERE kind = :kind AND value = :value
