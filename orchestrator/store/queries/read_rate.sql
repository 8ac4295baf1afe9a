-- The ring of starts a second, and the database's clock in seconds.
SELECT coalesce(r.second, 0), coalesce(r.starts, '{}'), extract(epoch FROM now())::bigint
FROM (SELECT) one
LEFT JOIN rollout_rate r ON r.rollout_id = $1
