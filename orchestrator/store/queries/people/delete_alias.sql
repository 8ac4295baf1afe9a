-- Unlinks the alias :value of kind :kind, and ends the sessions that began by it.
-- parameters: kind text, value text
WITH ended AS (
  DELETE FROM session WHERE :kind = :ALIAS_OIDC AND alias = :value
)
DELETE FROM alias WHERE kind = :kind AND value = :value
