-- Reads all by which an endpoint may know a person who is not disabled: tokens and sessions (`kind` is null; `value` is the
-- digest) and other names; with the person's roles: those that count everywhere, joined by spaces, and those in scopes, as
-- lines of a role and the labels of its devices.
-- row: kind text null, value text, id text null, person text, roles text, scopes text, expires_ms bigint null,
--   is_session boolean
-- alone
WITH active AS MATERIALIZED (SELECT * FROM active_person)
SELECT CASE WHEN c.expires_at IS NULL THEN c.kind END AS kind, c.value, CASE WHEN c.expires_at IS NOT NULL THEN c.id END AS id,
       a.name AS person, a.roles || ' ' || c.roles AS roles, a.scopes,
       (extract(epoch FROM c.expires_at) * 1000)::bigint AS expires_ms, c.kind = :CREDENTIAL_SESSION AS is_session
FROM live_credential c JOIN active a ON a.name = c.person
