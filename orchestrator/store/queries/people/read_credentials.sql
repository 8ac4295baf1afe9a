-- Reads all by which an endpoint may know a person who is not disabled: tokens and sessions (`kind` is null; `value` is the
-- digest) and other names; with the person's roles: those that count everywhere, joined by spaces, and those in scopes, as
-- lines of a role and the labels of its devices.
-- row: kind text null, value text, id text null, person text, roles text, scopes text, expires_ms bigint null,
--   is_session boolean
-- alone
WITH active AS MATERIALIZED (
  SELECT p.name,
         coalesce((SELECT string_agg(r.role, ' ') FROM person_role r
                   WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope = '{}'), '') AS roles,
         coalesce((SELECT string_agg(r.role || ' ' || c.pattern::text, chr(10) ORDER BY r.role, c.pattern)
                   FROM person_role r, scope_patterns(r.scope) AS c(pattern)
                   WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope <> '{}'), '') AS scopes
  FROM person p WHERE p.disabled_at IS NULL
)
SELECT NULL AS kind, t.digest AS value, t.id, a.name AS person, a.roles, a.scopes,
       (extract(epoch FROM t.expires_at) * 1000)::bigint AS expires_ms, false AS is_session
FROM token t JOIN active a ON a.name = t.person
WHERE t.confirmed_at IS NOT NULL AND t.revoked_at IS NULL AND t.expires_at > now()
UNION ALL
SELECT NULL, s.digest, s.id, a.name, a.roles || ' ' || s.roles, a.scopes,
       (extract(epoch FROM s.expires_at) * 1000)::bigint, true
FROM session s JOIN active a ON a.name = s.person
JOIN alias l ON l.kind = :ALIAS_OIDC AND l.value = s.alias AND l.person = s.person AND l.confirmed_at IS NOT NULL
WHERE s.expires_at > now()
UNION ALL
SELECT l.kind, l.value, NULL, a.name, a.roles, a.scopes, NULL, false
FROM alias l JOIN active a ON a.name = l.person
WHERE l.confirmed_at IS NOT NULL AND l.kind <> :ALIAS_AUTHOR
