-- How many people approved digest $2 of rollout $1, and not before a revision.
SELECT count(*)
FROM approval
WHERE rollout_id = $1 AND group_no = 0 AND digest = $2 AND approved
  AND at > coalesce((SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = $1 AND e.kind = 'revised'), '-infinity')
