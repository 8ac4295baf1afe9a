-- The rollback of rollout $1 that is under way; $2: or, if none is, one that was carried out.
SELECT id FROM rollout
WHERE rollback_of = $1
  AND (state IN ('accepted', 'awaiting_approval', 'running', 'paused', 'cancelling')
       OR $2::boolean AND state IN ('completed', 'halted'))
ORDER BY id DESC
LIMIT 1
