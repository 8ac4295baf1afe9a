SELECT id FROM rollout WHERE rollback_of = $1
