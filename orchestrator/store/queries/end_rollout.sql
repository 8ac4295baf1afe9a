UPDATE rollout SET state = $2, detail = $3, ended_at = now() WHERE id = $1 AND state = 'running'
