-- Reads the ring of starts by second of rollout :rollout, the database's clock in seconds and, with :counts_completed,
-- how many of its devices completed.
-- parameters: rollout bigint, counts_completed boolean
-- row: second bigint, starts integer[], now_s bigint, completed bigint
SELECT coalesce(r.second, 0) AS second, coalesce(r.starts, '{}') AS starts, extract(epoch FROM now())::bigint AS now_s,
       CASE WHEN :counts_completed THEN (SELECT coalesce(sum(count), 0)::bigint FROM counter WHERE rollout_id = :rollout AND state = :COMPLETED)
         ELSE 0 END AS completed
FROM (SELECT) single_row
LEFT JOIN rollout_rate r ON r.rollout_id = :rollout
