-- Ends the rollback request of rollout :rollout and records an event of kind :kind with reason :reason.
-- parameters: rollout bigint, kind text, reason text
WITH ended AS (
  UPDATE rollout SET rollback_wanted_by = NULL, rollback_reason = NULL, rollback_wanted_at = NULL, version = version + 1
  WHERE id = :rollout AND rollback_wanted_by IS NOT NULL
  RETURNING id
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT id, :kind, :ACTOR_TELLERCAST, :reason FROM ended
