-- The wish that rollout $1 be rolled back is done with; an event of kind $2 tells how, with reason $3.
WITH ended AS (
  UPDATE rollout SET rollback_wanted_by = NULL, rollback_reason = NULL, rollback_wanted_at = NULL, version = version + 1
  WHERE id = $1 AND rollback_wanted_by IS NOT NULL
  RETURNING id
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT id, $2, 'tellercast', $3 FROM ended
