-- Drops what :admin ordered and no second admin has confirmed.
-- parameters: admin text
WITH roles AS (
  DELETE FROM person_role WHERE granted_by = :admin AND confirmed_at IS NULL
), aliases AS (
  DELETE FROM alias WHERE linked_by = :admin AND confirmed_at IS NULL AND NOT (kind = :ALIAS_AUTHOR AND value = person)
)
UPDATE token SET revoked_at = now(), revoked_by = :admin
WHERE created_by = :admin AND confirmed_at IS NULL AND revoked_at IS NULL
