-- Locks the rollouts that the plan of rollout :rollout supersedes until this transaction ends: an operator may be
-- retrying one that has ended.
-- parameters: rollout bigint
SELECT o.id
FROM rollout s
JOIN rollout o ON o.id <> s.id
  AND o.name IN (SELECT jsonb_array_elements_text(coalesce(s.plan #> '{spec,supersedes}', '[]')))
WHERE s.id = :rollout
ORDER BY o.id
FOR UPDATE OF o
