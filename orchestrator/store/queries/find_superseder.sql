-- A rollout that has started and supersedes rollout $1.
SELECT s.id, s.name
FROM rollout s
WHERE s.plan #> '{spec,supersedes}' ? (SELECT r.name FROM rollout r WHERE r.id = $1)
  AND EXISTS (SELECT FROM rollout_event e WHERE e.rollout_id = s.id AND e.kind = 'started')
ORDER BY s.id DESC
LIMIT 1
