-- Moves group :group_no of rollout :rollout from state :from_state to :to_state and records an event of kind :kind with
-- reason :reason. settled_at is the time at which the group left the state open, unless it was not reached. No row: it is in
-- another state, or must not open since a freeze came.
-- parameters: rollout bigint, group_no bigint, from_state text, to_state text, kind text, reason text
-- row: rollout_id bigint
WITH moved AS (
  UPDATE rollout_group
  SET state = :to_state,
      opened_at = CASE WHEN :to_state = :GROUP_OPEN AND state = :GROUP_WAITING THEN now() ELSE opened_at END,
      settled_at = CASE WHEN :to_state IN (:GROUP_OPEN, :GROUP_NOT_REACHED) THEN NULL ELSE coalesce(settled_at, now()) END,
      ended_at = CASE WHEN :to_state IN (:GROUP_PASSED, :GROUP_NOT_REACHED) THEN now() END
  WHERE rollout_id = :rollout AND group_no = :group_no AND state = :from_state
    AND NOT (:to_state = :GROUP_OPEN AND state = :GROUP_WAITING AND group_is_frozen(:rollout, group_no))
  RETURNING rollout_id, group_no
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason, group_no)
SELECT rollout_id, :kind, :ACTOR_TELLERCAST, :reason, group_no FROM moved
RETURNING rollout_id
