-- Reads who has the credential :id of kind :kind now ("token", "session", or the kind of an alias), with the roles that count
-- everywhere, joined by spaces, and those in scopes, as lines of a role and the labels of its devices. No row: nobody.
-- parameters: kind text, id text
-- row: person text, roles text, scopes text
SELECT a.name AS person, a.roles || ' ' || c.roles AS roles, a.scopes
FROM live_credential c JOIN active_person a ON a.name = c.person
WHERE c.kind = :kind AND c.id = :id
