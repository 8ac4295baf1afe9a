-- Finds a started rollout that supersedes rollout :rollout.
-- parameters: rollout bigint
-- row: id bigint, name text
SELECT s.id, s.name
FROM rollout s
WHERE s.plan #> '{spec,supersedes}' ? (SELECT r.name FROM rollout r WHERE r.id = :rollout)
  AND EXISTS (SELECT FROM rollout_event e WHERE e.rollout_id = s.id AND e.kind = :KIND_STARTED)
ORDER BY s.id DESC
LIMIT 1
