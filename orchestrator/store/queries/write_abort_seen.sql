UPDATE rollout SET abort_seen = $2 WHERE id = $1
