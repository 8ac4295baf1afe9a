-- For the preview of the plan $2, named $1: the rollout's seed, the database's clock in milliseconds, the same to the
-- microsecond, what of the plan stands in columns, and the rollout that has the name already, with its state and digest.
SELECT rollout_seed($1), (extract(epoch FROM now()) * 1000)::bigint, now()::text,
       c.max_unavailable::text, c.max_unavailable_percent::text, c.single_device_allowed, c.priority, c.preempt,
       r.id, r.state, r.digest
FROM rollout_columns($2::jsonb) c
LEFT JOIN rollout r ON r.name = $1
