UPDATE rollout_group SET state = $3, ended_at = now() WHERE rollout_id = $1 AND group_no = $2 AND state = 'open'
