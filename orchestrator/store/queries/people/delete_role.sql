-- Withdraws role :role of :person.
-- parameters: person text, role text
DELETE FROM person_role WHERE person = :person AND role = :role
