-- Rollout $1 goes from state $2 to $3; $4: whether that is its end. An event of kind $5 tells it, with reason $6. $7:
-- why it is to be rolled back of itself; null: it is not.
WITH moved AS (
  UPDATE rollout
  SET state = $3,
      version = version + 1,
      detail = CASE WHEN $3 = 'cancelled' THEN detail ELSE $6 END, -- why it was cancelled stands there already
      ended_at = CASE WHEN $4::boolean THEN now() END,
      rollback_wanted_by = CASE WHEN $7::text IS NULL THEN rollback_wanted_by
                                ELSE coalesce(rollback_wanted_by, 'tellercast') END,
      rollback_wanted_at = CASE WHEN $7::text IS NULL THEN rollback_wanted_at ELSE coalesce(rollback_wanted_at, now()) END,
      rollback_reason = CASE WHEN $7::text IS NULL THEN rollback_reason ELSE coalesce(rollback_reason, $7) END
  WHERE id = $1 AND state = $2
  RETURNING id
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT id, $5, 'tellercast', $6 FROM moved
UNION ALL
SELECT id, 'rollback_ordered', 'tellercast', $7 FROM moved WHERE $7::text IS NOT NULL
