-- Replaces the plan of rollout :rollout, which has not started and is no collect, by another one of the same name. It needs no
-- fewer approvals than the one before.
-- parameters: submitted_plan.*, rollout bigint
-- row: id bigint
UPDATE rollout r
SET digest = :digest, plan = :plan::jsonb, shared_claims = :content, calendars = :calendars::jsonb, devices = :devices,
    priority = c.priority, preempt = c.preempt, approvals_required = greatest(approvals_needed(r, r.devices), c.approvals_required),
    max_unavailable = c.max_unavailable, max_unavailable_percent = c.max_unavailable_percent,
    single_device_allowed = c.single_device_allowed, rollback_of = c.rollback_of, author_scope = :author_scope::json,
    state = :ROLLOUT_ACCEPTED, planned_at = NULL
FROM rollout_columns(:plan::jsonb) c
WHERE r.id = :rollout AND r.name = :name AND r.door <> :COLLECT_ENDPOINT AND r.state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL)
RETURNING r.id
