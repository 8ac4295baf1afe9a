-- Reads a page of at most :most rollouts, newest first, with IDs below :after (0: the first page). :name and :id: only
-- the rollouts with this name or this ID; a null :name: all but orders to collect. `next`: the :after of the next page; null on the last one.
-- parameters: after bigint, most bigint, name text, id bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT * FROM rollout
  WHERE (:after::bigint = 0 OR id < :after::bigint)
    AND CASE WHEN :name::text IS NULL THEN door <> :COLLECT_ENDPOINT ELSE id IN (SELECT id FROM rollout WHERE name = :name UNION SELECT :id::bigint) END
  ORDER BY id DESC LIMIT :most
)
SELECT json_build_object(
  'rollouts', coalesce(json_agg(json_build_object(
      'rollout', id, 'name', name, 'state', state, 'version', version, 'priority', priority, 'detail', detail,
      'author', author, 'door', door,
      'submitted_at', rfc3339(submitted_at), 'ended_at', rfc3339(ended_at), 'devices', devices,
      'counts', state_counts(id, NULL), 'substates', substate_counts(id, NULL), 'retrying', retrying_counts(id, NULL),
      'given_up', given_up_counts(id, NULL)) ORDER BY id DESC), '[]'),
  'next', CASE WHEN count(*) = :most THEN min(id) END)::text AS document
FROM page
