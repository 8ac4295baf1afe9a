DELETE FROM rollout_window WHERE rollout_id = $1
