-- Rollout $1 is planned for $2 devices: how many approvals it waits for.
WITH planned AS (
  UPDATE rollout
  SET planned_at = now(), devices = $2,
      ends_at = nullif(schedule_end(plan #> '{spec,schedule}', submitted_at), 'infinity'),
      state = CASE WHEN approvals_required > 0 THEN 'awaiting_approval' ELSE state END
  WHERE id = $1
  RETURNING id, digest, approvals_required
), told AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, digest) SELECT id, 'planned', 'tellercast', digest FROM planned
)
SELECT approvals_required FROM planned
