-- Finds the person that alias :alias of the kind oidc is confirmed to be, if it is not disabled. No row: there is none.
-- parameters: alias text
-- row: person text
SELECT p.name AS person FROM alias a JOIN person p ON p.name = a.person
WHERE a.kind = :ALIAS_OIDC AND a.value = :alias AND a.confirmed_at IS NOT NULL AND p.disabled_at IS NULL
