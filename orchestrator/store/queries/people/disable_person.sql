-- Disables person :name for :actor: withdraws its roles, ends its sessions and revokes its tokens.
-- parameters: name text, actor text
WITH disabled AS (
  UPDATE person SET disabled_at = now(), disabled_by = :actor WHERE name = :name
), withdrawn AS (
  DELETE FROM person_role WHERE person = :name
), ended AS (
  DELETE FROM session WHERE person = :name
)
UPDATE token SET revoked_at = now(), revoked_by = :actor WHERE person = :name AND revoked_at IS NULL
