-- Puts the values of :plan in force in rollout :rollout, which is locked. The plan as it was approved is kept beside it.
-- parameters: rollout bigint, plan text
WITH kept AS (
  INSERT INTO amended_plan (rollout_id, digest, plan) SELECT id, digest, plan FROM rollout WHERE id = :rollout
  ON CONFLICT DO NOTHING
)
UPDATE rollout r
SET plan = :plan::jsonb, max_unavailable = c.max_unavailable, max_unavailable_percent = c.max_unavailable_percent,
    single_device_allowed = c.single_device_allowed,
    ends_at = nullif(schedule_end(:plan::jsonb #> '{spec,schedule}', r.submitted_at), 'infinity')
FROM rollout_columns(:plan::jsonb) c
WHERE r.id = :rollout
