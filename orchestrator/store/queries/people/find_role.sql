-- Finds role :role of :person. No row: it does not have it.
-- parameters: person text, role text
-- row: granted_by text, is_confirmed boolean
SELECT granted_by, confirmed_at IS NOT NULL AS is_confirmed FROM person_role WHERE person = :person AND role = :role
