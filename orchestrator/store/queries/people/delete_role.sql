-- Withdraws role :role of :person in scope :scope; null: in all.
-- parameters: person text, role text, scope text
DELETE FROM person_role WHERE person = :person AND role = :role AND (:scope::text IS NULL OR scope = :scope::jsonb)
