-- Reads the state of the resume of rollout :rollout: whether an abort followed its last run, so that an operation that
-- makes it run needs approvals; who requested the resume that waits for them while the rollout is paused, and how many
-- people approved it; and the last decision of :actor on it, with its reason. Nulls: no resume waits, no decision.
-- Another abort or a rejection ends a waiting resume.
--
-- A rollout ran when it was resumed and when an operator paused it: a paused rollout cannot be paused, and an earlier
-- version let it run without a resume event.
-- parameters: rollout bigint, actor text
-- row: asks_for_approvals boolean, requested_by text null, requester_is_known boolean null, approvals bigint, decision text null,
--   decision_reason text null
WITH last_event AS (
  SELECT coalesce(max(e.id) FILTER (WHERE e.kind = :KIND_ABORTED), 0) AS aborted,
         coalesce(max(e.id) FILTER (WHERE e.kind = :KIND_RESUMED
                                       OR e.kind = :KIND_PAUSED AND e.actor <> :ACTOR_TELLERCAST), 0) AS ran,
         coalesce(max(e.id) FILTER (WHERE e.kind = :KIND_RESUME_REJECTED), 0) AS rejected,
         coalesce(max(e.id) FILTER (WHERE e.kind = :KIND_RESUME_ORDERED), 0) AS ordered
  FROM rollout_event e
  WHERE e.rollout_id = :rollout AND e.kind IN (:KIND_ABORTED, :KIND_RESUMED, :KIND_PAUSED, :KIND_RESUME_REJECTED, :KIND_RESUME_ORDERED)
)
SELECT m.aborted > m.ran AS asks_for_approvals, acting_person(o.actor) AS requested_by,
       actor_is_known(o.actor) AS requester_is_known,
       (SELECT count(DISTINCT acting_person(e.actor)) FROM rollout_event e
        WHERE e.rollout_id = :rollout AND e.kind = :KIND_RESUME_APPROVED AND e.id > o.id) AS approvals,
       s.kind AS decision, s.reason AS decision_reason
FROM last_event m
LEFT JOIN rollout_event o ON o.id = m.ordered AND m.ordered > greatest(m.aborted, m.ran, m.rejected)
LEFT JOIN LATERAL (SELECT e.kind, e.reason
                   FROM rollout_event e
                   WHERE e.rollout_id = :rollout AND acting_person(e.actor) = :actor AND e.id > m.ordered AND m.ordered > 0
                     AND e.kind IN (:KIND_RESUME_APPROVED, :KIND_RESUME_REJECTED)
                   ORDER BY e.id DESC
                   LIMIT 1) s ON true
