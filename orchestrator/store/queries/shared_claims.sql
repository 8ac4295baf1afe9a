SELECT shared_claims FROM rollout WHERE id = $1
