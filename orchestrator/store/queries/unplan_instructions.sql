DELETE FROM instruction WHERE rollout_id = $1
