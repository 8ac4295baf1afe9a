SELECT group_no, state, manual FROM rollout_group WHERE rollout_id = $1 AND name = $2
