-- Reads for the preview of plan :plan, named :name: the rollout's seed; the database's clock in milliseconds, and as
-- text to the microsecond; the values of the plan that are stored in columns; and the rollout that already has the
-- name, with its state and digest.
-- parameters: name text, plan text
-- row: seed bigint, now_ms bigint, now text, max_unavailable text null, max_unavailable_percent text null,
--   single_allowed boolean, priority smallint, preempt boolean, rollout bigint null, state text null, digest text null
SELECT rollout_seed(:name) AS seed, (extract(epoch FROM now()) * 1000)::bigint AS now_ms, now()::text,
       c.max_unavailable::text, c.max_unavailable_percent::text, c.single_device_allowed AS single_allowed, c.priority, c.preempt,
       r.id AS rollout, r.state, r.digest
FROM rollout_columns(:plan::jsonb) c
LEFT JOIN rollout r ON r.name = :name
