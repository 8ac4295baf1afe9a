-- Lists those of :rollouts whose version is blocked.
-- parameters: rollouts bigint[]
-- row: rollout bigint
-- alone
SELECT rollout_id AS rollout FROM blocked_rollout WHERE rollout_id = ANY (:rollouts::bigint[])
