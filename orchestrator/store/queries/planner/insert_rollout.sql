-- Inserts a rollout and its first event. Returns no row if its name or key is taken, or if it is a rollback and its
-- origin already has one.
-- parameters: submitted_plan.*, author text, door text, idempotency_key text
-- row: id bigint
WITH inserted AS (
  INSERT INTO rollout (name, digest, plan, shared_claims, calendars, devices, author, door, idempotency_key,
                       priority, preempt, approvals_required, max_unavailable, max_unavailable_percent,
                       single_device_allowed, rollback_of, author_scope)
  SELECT :name, :digest, :plan::jsonb, :content, :calendars::jsonb, :devices, :author, :door, :idempotency_key,
         c.priority, c.preempt, c.approvals_required, c.max_unavailable, c.max_unavailable_percent,
         c.single_device_allowed, c.rollback_of, :author_scope::json
  FROM rollout_columns(:plan::jsonb) c
  ON CONFLICT DO NOTHING
  RETURNING id, author, digest
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, digest) SELECT id, :KIND_SUBMITTED, author, digest FROM inserted
)
SELECT id FROM inserted
