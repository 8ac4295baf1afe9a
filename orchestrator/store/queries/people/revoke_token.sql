-- Revokes token :id for :actor.
-- parameters: id text, actor text
UPDATE token SET revoked_at = now(), revoked_by = :actor WHERE id = :id
