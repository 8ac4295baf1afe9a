-- The ring of starts a second of rollout $1, the database's clock in seconds, and, when $2, how many of its devices
-- have completed.
SELECT coalesce(r.second, 0), coalesce(r.starts, '{}'), extract(epoch FROM now())::bigint,
       CASE WHEN $2 THEN (SELECT coalesce(sum(count), 0)::bigint FROM counter WHERE rollout_id = $1 AND state = 5)
         ELSE 0 END
FROM (SELECT) one
LEFT JOIN rollout_rate r ON r.rollout_id = $1
