-- Group $2 of rollout $1 goes from state $3 to $4; an event of kind $5 tells it, with reason $6. It is settled since
-- it left the state open for a better one.
WITH moved AS (
  UPDATE rollout_group
  SET state = $4,
      opened_at = CASE WHEN $4 = 'open' AND state = 'waiting' THEN now() ELSE opened_at END,
      settled_at = CASE WHEN $4 IN ('open', 'not_reached') THEN NULL ELSE coalesce(settled_at, now()) END,
      ended_at = CASE WHEN $4 IN ('passed', 'not_reached') THEN now() END
  WHERE rollout_id = $1 AND group_no = $2 AND state = $3
  RETURNING rollout_id, group_no
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason, group_no)
SELECT rollout_id, $5, 'tellercast', $6, group_no FROM moved
