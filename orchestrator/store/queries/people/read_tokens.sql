-- Reads a page of at most :most tokens of :person ('': of all people) after token :after ('': the first page), in the order of
-- their IDs; those that expired or were revoked, too. `next`: the :after of the next page; null on the last one.
-- parameters: person text, after text, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT * FROM token WHERE id > :after AND (:person = '' OR person = :person) ORDER BY id LIMIT :most
)
SELECT json_build_object(
  'tokens', coalesce(json_agg(json_build_object(
      'token', id, 'person', person, 'created_at', rfc3339(created_at), 'created_by', created_by,
      'confirmed_at', rfc3339(confirmed_at), 'confirmed_by', confirmed_by, 'expires_at', rfc3339(expires_at),
      'is_expired', expires_at <= now(), 'revoked_at', rfc3339(revoked_at), 'revoked_by', revoked_by,
      'last_used_at', rfc3339(last_used_at), 'last_used_from', last_used_from) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id) END)::text AS document
FROM page
