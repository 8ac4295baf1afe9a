-- A new rollout, and the event that tells of it. No row when its name or key is taken, or its origin has a rollback.
WITH made AS (
  INSERT INTO rollout (name, digest, plan, shared_claims, calendars, devices, author, door, idempotency_key,
                       priority, preempt, approvals_required, max_unavailable, max_unavailable_percent,
                       single_device_allowed, rollback_of)
  SELECT $1, $2, $3::jsonb, $4, $5::jsonb, $6, $7, $8, $9,
         c.priority, c.preempt, c.approvals_required, c.max_unavailable, c.max_unavailable_percent,
         c.single_device_allowed, c.rollback_of
  FROM rollout_columns($3::jsonb) c
  ON CONFLICT DO NOTHING
  RETURNING id, author, digest
), told AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, digest) SELECT id, 'submitted', author, digest FROM made
)
SELECT id FROM made
