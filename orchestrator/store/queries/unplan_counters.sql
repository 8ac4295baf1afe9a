DELETE FROM counter WHERE rollout_id = $1
