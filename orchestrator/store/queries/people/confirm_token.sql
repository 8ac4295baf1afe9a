-- Confirms token :id for :actor.
-- parameters: id text, actor text
UPDATE token SET confirmed_at = now(), confirmed_by = :actor WHERE id = :id
