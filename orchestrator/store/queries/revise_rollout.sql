-- Another plan, of the same name, for rollout $7, of which nothing was started.
UPDATE rollout r
SET digest = $2, plan = $3::jsonb, shared_claims = $4, calendars = $5::jsonb, devices = $6,
    priority = c.priority, preempt = c.preempt, approvals_required = c.approvals_required,
    max_unavailable = c.max_unavailable, max_unavailable_percent = c.max_unavailable_percent,
    single_device_allowed = c.single_device_allowed, rollback_of = c.rollback_of,
    state = 'accepted', planned_at = NULL
FROM rollout_columns($3::jsonb) c
WHERE r.id = $7 AND r.name = $1 AND r.state IN ('accepted', 'awaiting_approval')
RETURNING r.id
