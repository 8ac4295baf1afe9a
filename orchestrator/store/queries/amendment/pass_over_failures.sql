-- Promotes group :group_no of rollout :rollout past the failures that amendment :number names, as far as they are as it names them: JSON
-- as name_failures gives it. Reopens the group if it was not reached.
-- parameters: rollout bigint, number bigint, group_no bigint, failures text
WITH named AS (
  INSERT INTO promoted_failure (rollout_id, amendment, group_no, instruction_id, attempt, state, ended_at)
  SELECT i.rollout_id, :number::integer, i.group_no, i.id, i.attempt, i.state, i.ended_at
  FROM jsonb_to_recordset(:failures::jsonb) f (device text, attempt integer, state text, ended_at text)
  JOIN instruction i ON i.device = f.device AND i.rollout_id = :rollout
  JOIN instruction_state s ON s.state = i.state AND s.name = f.state
  WHERE i.group_no = :group_no AND i.attempt = f.attempt AND i.substate = :FINAL
    AND rfc3339(i.ended_at) IS NOT DISTINCT FROM f.ended_at
)
UPDATE rollout_group
SET state = :GROUP_OPEN, ended_at = NULL
WHERE rollout_id = :rollout AND group_no = :group_no AND state = :GROUP_NOT_REACHED
