-- Reads what an amendment of rollout :rollout is judged against: its plan with the values in force, its end in ms since the epoch
-- (null: it has none), the time, and how many of its devices completed.
-- parameters: rollout bigint
-- row: plan text, end_ms bigint null, now_ms bigint, completed bigint
SELECT r.plan::text, (extract(epoch FROM r.ends_at) * 1000)::bigint AS end_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
       (SELECT coalesce(sum(c.count), 0)::bigint FROM counter c WHERE c.rollout_id = r.id AND c.state = :COMPLETED) AS completed
FROM rollout r
WHERE r.id = :rollout
