-- Rollout $1 is to be rolled back for $2, for reason $3. Answers with how many devices completed it.
UPDATE rollout
SET rollback_wanted_by = $2, rollback_reason = $3, rollback_wanted_at = now()
WHERE id = $1
RETURNING (SELECT coalesce(sum(c.count), 0) FROM counter c WHERE c.rollout_id = $1 AND c.state = 5)::bigint
