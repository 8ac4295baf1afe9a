-- Reads a page of at most :most acts after act :after (0: the first page), in the order of their times: those of :person, with
-- one of :verbs, on an object of :object_kind, on :object, not before :since_ms, and before :until_ms. A text that is ''
-- leaves all; so do no verbs.
-- `next`: the :after of the next page; null on the last one.
-- parameters: person text, verbs text[], object_kind text, object text, since_ms bigint, until_ms bigint, after bigint, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT * FROM act
  WHERE (:person = '' OR person = :person)
    AND (cardinality(:verbs::text[]) = 0 OR verb = ANY (:verbs))
    AND (:object_kind = '' OR object_kind = :object_kind)
    AND (:object = '' OR object = :object)
    AND at >= to_timestamp(:since_ms / 1000.0) AND at < to_timestamp(:until_ms / 1000.0)
    AND (:after = 0 OR (at, number) > (SELECT b.at, b.number FROM act b WHERE b.number = :after))
  ORDER BY at, number LIMIT :most
)
SELECT json_build_object(
  'acts', coalesce(json_agg(json_build_object(
      'number', number, 'at', rfc3339(at), 'person', person, 'credential', credential, 'endpoint', endpoint, 'address', address,
      'operation', operation, 'verb', verb, 'object_kind', object_kind, 'object', object, 'digest', digest, 'version', version,
      'outcome', outcome, 'reason', reason, 'refusal', refusal, 'times', times, 'details', act_details(digest, details)) ORDER BY at, number), '[]'),
  'next', CASE WHEN count(*) = :most THEN (array_agg(number ORDER BY at DESC, number DESC))[1] END)::text AS document
FROM page
