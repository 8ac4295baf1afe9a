-- Reads a page of at most :most people after person :after ('': the first page), in the order of their names. `waits`: how
-- much of a person waits for a second admin. `next`: the :after of the next page; null on the last one.
-- parameters: after text, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT * FROM person WHERE name > :after ORDER BY name LIMIT :most
)
SELECT json_build_object(
  'people', coalesce(json_agg(json_build_object(
      'person', p.name, 'created_at', rfc3339(p.created_at), 'disabled_at', rfc3339(p.disabled_at),
      'roles', (SELECT coalesce(json_agg(r.role ORDER BY r.role), '[]')
                FROM person_role r WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope = '{}'),
      'scoped_roles', (SELECT coalesce(json_agg(json_build_object('role', r.role, 'scope', r.scope) ORDER BY r.role, r.scope), '[]')
                       FROM person_role r WHERE r.person = p.name AND r.confirmed_at IS NOT NULL AND r.scope <> '{}'),
      'waits', (SELECT count(*) FROM person_role r WHERE r.person = p.name AND r.confirmed_at IS NULL)
             + (SELECT count(*) FROM alias a WHERE a.person = p.name AND a.confirmed_at IS NULL)
             + (SELECT count(*) FROM token t WHERE t.person = p.name AND t.confirmed_at IS NULL AND t.revoked_at IS NULL
                                               AND t.expires_at > now())) ORDER BY p.name), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(p.name) END)::text AS document
FROM page p
