-- Reads a page of at most :most reviews in state :state ('': in any) after review :after (0: the first page), newest first.
-- `next`: the :after of the next page; null on the last one.
-- parameters: state text, after bigint, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT v.*, r.name FROM review v JOIN rollout r ON r.id = v.rollout_id
  WHERE (:after = 0 OR v.id < :after) AND (:state = '' OR v.state = :state)
  ORDER BY v.id DESC
  LIMIT :most
)
SELECT json_build_object(
  'reviews', coalesce(json_agg(json_build_object(
      'review', p.id, 'rollout', p.rollout_id, 'name', p.name, 'digest', p.digest, 'actor', p.actor, 'reason', p.reason,
      'at', rfc3339(p.at), 'due_at', rfc3339(p.due_at), 'state', p.state, 'ended_at', rfc3339(p.ended_at),
      'is_overdue', p.ended_at IS NULL AND p.due_at <= now(),
      'decisions', (SELECT coalesce(json_agg(json_build_object(
                        'actor', d.actor, 'accepted', d.accepted, 'reason', d.reason, 'at', rfc3339(d.at)) ORDER BY d.at), '[]')
                    FROM review_decision d WHERE d.review_id = p.id)) ORDER BY p.id DESC), '[]'),
  'next', CASE WHEN count(*) = :most THEN min(p.id) END)::text AS document
FROM page p
