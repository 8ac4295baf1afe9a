-- What $4 said of digest $3 of rollout $1, group $2 (0: as a whole). What was said before a revision is void, even if a
-- later one brought the same plan back.
SELECT approved, reason, rfc3339(at)
FROM approval
WHERE rollout_id = $1 AND group_no = $2 AND digest = $3 AND actor = $4
  AND at > coalesce((SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = $1 AND e.kind = 'revised'), '-infinity')
