-- Grants role :role in scope :scope to :person for :actor; :is_confirmed: it counts from now on. Confirms the one that is there.
-- parameters: person text, role text, scope text, actor text, is_confirmed boolean
INSERT INTO person_role (person, role, scope, granted_by, confirmed_at, confirmed_by)
VALUES (:person, :role, :scope::jsonb, :actor, CASE WHEN :is_confirmed::boolean THEN now() END,
        CASE WHEN :is_confirmed THEN :actor::text END)
ON CONFLICT (person, role, scope) DO UPDATE SET confirmed_at = excluded.confirmed_at, confirmed_by = excluded.confirmed_by
