-- Moves rollout :rollout from state :from_state to :to_state and records an event of kind :kind with reason :reason.
-- :is_end: the new state is an end. :rollback_reason: also request a rollback for this reason; null: do not.
-- parameters: rollout bigint, from_state text, to_state text, is_end boolean, kind text, reason text, rollback_reason
--   text
WITH moved AS (
  UPDATE rollout
  SET state = :to_state,
      version = version + 1,
      detail = CASE WHEN :to_state = :ROLLOUT_CANCELLED THEN detail ELSE :reason END, -- which already has the reason
      ended_at = CASE WHEN :is_end::boolean THEN now() END,
      rollback_wanted_by = CASE WHEN :rollback_reason::text IS NULL THEN rollback_wanted_by
                                ELSE coalesce(rollback_wanted_by, :ACTOR_TELLERCAST) END,
      rollback_wanted_at = CASE WHEN :rollback_reason::text IS NULL THEN rollback_wanted_at ELSE coalesce(rollback_wanted_at, now()) END,
      rollback_reason = CASE WHEN :rollback_reason::text IS NULL THEN rollback_reason ELSE coalesce(rollback_reason, :rollback_reason) END
  WHERE id = :rollout AND state = :from_state
  RETURNING id
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason)
SELECT id, :kind, :ACTOR_TELLERCAST, :reason FROM moved
UNION ALL
SELECT id, :KIND_ROLLBACK_ORDERED, :ACTOR_TELLERCAST, :rollback_reason FROM moved WHERE :rollback_reason::text IS NOT NULL
