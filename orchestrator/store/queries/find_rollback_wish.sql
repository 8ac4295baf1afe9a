-- The first rollout after $1 that has ended and is to be rolled back. What the plan itself asked for was approved with
-- the plan; what a person ordered needs the same approvals again.
SELECT o.id, o.name, o.rollback_wanted_by, o.plan::text,
       CASE o.rollback_wanted_by WHEN 'tellercast' THEN 0 ELSE o.approvals_required END AS approvals_required,
       coalesce((SELECT sum(c.count) FROM counter c WHERE c.rollout_id = o.id AND c.state = 5), 0)::bigint AS completed,
       coalesce((SELECT max(b.id) FROM rollout b WHERE b.rollback_of = o.id AND b.submitted_at >= o.rollback_wanted_at),
                0) AS made,
       (SELECT count(*) FROM rollout b WHERE b.rollback_of = o.id AND b.submitted_at < o.rollback_wanted_at) AS before
FROM rollout o
WHERE o.rollback_wanted_by IS NOT NULL AND o.id > $1 AND o.state IN ('completed', 'halted', 'cancelled')
ORDER BY o.id
LIMIT 1
