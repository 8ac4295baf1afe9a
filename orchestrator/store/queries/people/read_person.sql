-- Reads person :name, with its roles, its other names and its tokens. No row: there is none.
-- parameters: name text
-- row: document.*
-- alone
SELECT json_build_object(
  'person', p.name, 'created_at', rfc3339(p.created_at), 'created_by', p.created_by,
  'disabled_at', rfc3339(p.disabled_at), 'disabled_by', p.disabled_by,
  'roles', (SELECT coalesce(json_agg(json_build_object(
       'role', r.role, 'scope', nullif(r.scope, '{}'), 'granted_at', rfc3339(r.granted_at), 'granted_by', r.granted_by,
       'confirmed_at', rfc3339(r.confirmed_at), 'confirmed_by', r.confirmed_by) ORDER BY r.role, r.scope), '[]')
     FROM person_role r WHERE r.person = p.name),
  'aliases', (SELECT coalesce(json_agg(json_build_object(
       'kind', a.kind, 'value', a.value, 'linked_at', rfc3339(a.linked_at), 'linked_by', a.linked_by,
       'confirmed_at', rfc3339(a.confirmed_at), 'confirmed_by', a.confirmed_by) ORDER BY a.kind, a.value), '[]')
     FROM alias a WHERE a.person = p.name),
  'tokens', (SELECT coalesce(json_agg(json_build_object(
       'token', t.id, 'created_at', rfc3339(t.created_at), 'created_by', t.created_by,
       'confirmed_at', rfc3339(t.confirmed_at), 'confirmed_by', t.confirmed_by, 'expires_at', rfc3339(t.expires_at),
       'last_used_at', rfc3339(t.last_used_at), 'last_used_from', t.last_used_from) ORDER BY t.created_at, t.id), '[]')
     FROM token t WHERE t.person = p.name AND t.revoked_at IS NULL AND t.expires_at > now()))::text AS document
FROM person p WHERE p.name = :name
