-- Finds role :role of :person in scope :scope (null: in any). No row: it does not have it.
-- parameters: person text, role text, scope text
-- row: is_confirmed boolean
SELECT confirmed_at IS NOT NULL AS is_confirmed FROM person_role
WHERE person = :person AND role = :role AND (:scope::text IS NULL OR scope = :scope::jsonb)
