UPDATE rollout_group SET state = 'open', opened_at = now() WHERE rollout_id = $1 AND group_no = $2 AND state = 'waiting'
