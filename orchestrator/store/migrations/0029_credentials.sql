-- By what people are known, for each orchestrator's copy and for each act, which is decided again in its transaction.

-- People who are not disabled, with their roles that are confirmed: those that count everywhere, joined by spaces, and those in
-- scopes, as lines of a role and the labels of its devices.
CREATE VIEW active_person AS
SELECT p.name,
       coalesce((SELECT string_agg(r.role, ' ') FROM person_role r
                 WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope = '{}'), '') AS roles,
       coalesce((SELECT string_agg(r.role || ' ' || c.pattern::text, chr(10) ORDER BY r.role, c.pattern)
                 FROM person_role r, scope_patterns(r.scope) AS c(pattern)
                 WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope <> '{}'), '') AS scopes
FROM person p WHERE p.disabled_at IS NULL;

-- The credentials that count now, of all people: `id` is what the log has of one, `value` what an endpoint compares, `roles` what
-- a session has beside those of its person.
CREATE VIEW live_credential AS
SELECT :CREDENTIAL_TOKEN AS kind, t.id, t.digest AS value, t.person, '' AS roles, t.expires_at
FROM token t WHERE t.confirmed_at IS NOT NULL AND t.revoked_at IS NULL AND t.expires_at > now()
UNION ALL
SELECT :CREDENTIAL_SESSION, s.id, s.digest, s.person, s.roles, s.expires_at
FROM session s
JOIN alias l ON l.kind = :ALIAS_OIDC AND l.value = s.alias AND l.person = s.person AND l.confirmed_at IS NOT NULL
WHERE s.expires_at > now()
UNION ALL
SELECT l.kind, l.value, l.value, l.person, '', NULL
FROM alias l WHERE l.confirmed_at IS NOT NULL AND l.kind <> :ALIAS_AUTHOR;
