UPDATE rollout SET state = 'running', planned_at = now(), devices = $2 WHERE id = $1
