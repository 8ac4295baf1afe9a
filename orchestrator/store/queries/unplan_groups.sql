DELETE FROM rollout_group WHERE rollout_id = $1
