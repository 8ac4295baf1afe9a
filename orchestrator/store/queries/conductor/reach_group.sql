-- Marks the gate of group :group_no of rollout :rollout as reached now, and records an event with reason :reason.
-- parameters: rollout bigint, group_no bigint, reason text
WITH reached AS (
  UPDATE rollout_group SET reached_at = now()
  WHERE rollout_id = :rollout AND group_no = :group_no AND reached_at IS NULL
  RETURNING rollout_id, group_no
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason, group_no)
SELECT rollout_id, :KIND_GROUP_REACHED, :ACTOR_TELLERCAST, :reason, group_no FROM reached
