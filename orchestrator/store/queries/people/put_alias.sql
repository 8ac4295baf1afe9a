-- Links the alias :value of kind :kind to :person for :actor; :is_confirmed: it counts from now on. Confirms the one that
-- is there.
-- parameters: kind text, value text, person text, actor text, is_confirmed boolean
INSERT INTO alias (kind, value, person, linked_by, confirmed_at, confirmed_by)
VALUES (:kind, :value, :person, :actor, CASE WHEN :is_confirmed::boolean THEN now() END,
        CASE WHEN :is_confirmed THEN :actor::text END)
ON CONFLICT (kind, value) DO UPDATE SET confirmed_at = excluded.confirmed_at, confirmed_by = excluded.confirmed_by
