-- Finds the first ended rollout after :after that has a rollback request. A rollback that the plan requests was
-- approved with the plan; one that an operator orders needs the same approvals again.
-- parameters: after bigint
-- row: id bigint, name text, wanted_by text, plan text, approvals_required integer, to_take_back bigint, made bigint,
--   before bigint
SELECT o.id, o.name, o.rollback_wanted_by AS wanted_by, o.plan::text,
       CASE o.rollback_wanted_by WHEN :ACTOR_TELLERCAST THEN 0 ELSE o.approvals_required END AS approvals_required,
       devices_to_take_back(o.id) AS to_take_back,
       coalesce((SELECT max(b.id) FROM rollout b WHERE b.rollback_of = o.id AND b.submitted_at >= o.rollback_wanted_at),
                0) AS made,
       (SELECT count(*) FROM rollout b WHERE b.rollback_of = o.id AND b.submitted_at < o.rollback_wanted_at) AS before
FROM rollout o
WHERE o.rollback_wanted_by IS NOT NULL AND o.id > :after AND o.state IN (:ROLLOUT_COMPLETED, :ROLLOUT_HALTED, :ROLLOUT_CANCELLED)
ORDER BY o.id
LIMIT 1
