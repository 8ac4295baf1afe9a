-- What of rollout $1 must be looked at now; at most $2.
SELECT id, state, attempt, pull, failures, deferrals,
       (extract(epoch FROM coalesce(CASE state WHEN 1 THEN dispatched_at WHEN 2 THEN sent_at WHEN 3 THEN received_at
                                               WHEN 4 THEN installing_at END, wake_at)) * 1000)::bigint AS since_ms,
       coalesce((extract(epoch FROM start_before) * 1000)::bigint, 0) AS start_before_ms,
       state = 1 AND withdrawn_at IS NOT NULL AS withdrawn,
       (SELECT g.state = 'not_reached' FROM rollout_group g
        WHERE g.rollout_id = $1 AND g.group_no = instruction.group_no) AS group_is_lost
FROM instruction
WHERE rollout_id = $1 AND wake_at <= now()
ORDER BY wake_at
LIMIT $2
