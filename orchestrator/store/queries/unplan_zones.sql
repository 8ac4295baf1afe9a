DELETE FROM rollout_zone WHERE rollout_id = $1
