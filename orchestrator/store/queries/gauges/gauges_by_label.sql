-- Reads, by label, the rollouts in each state, the instructions of rollouts that have not ended in each state, and the forecast
-- and the end of each running rollout in seconds since the epoch: at most :most each, the newest rollouts first. `family`: "r",
-- "i", "f" or "e".
-- parameters: most bigint
-- row: family text, label text, value bigint
SELECT 'r' AS family, state AS label, count(*) AS value FROM rollout GROUP BY state
UNION ALL
SELECT 'i', s.name, coalesce(c.count, 0)::bigint
FROM instruction_state s
LEFT JOIN (SELECT c.state, sum(c.count) AS count
           FROM rollout r
           JOIN counter c ON c.rollout_id = r.id
           WHERE r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
           GROUP BY c.state) c ON c.state = s.state
UNION ALL
(SELECT 'f', r.id::text, extract(epoch FROM f.end_at)::bigint
 FROM rollout r JOIN rollout_forecast f ON f.rollout_id = r.id
 WHERE r.state = :ROLLOUT_RUNNING AND isfinite(f.end_at)
 ORDER BY r.id DESC LIMIT :most)
UNION ALL
(SELECT 'e', r.id::text, extract(epoch FROM r.ends_at)::bigint
 FROM rollout r
 WHERE r.state = :ROLLOUT_RUNNING AND isfinite(r.ends_at)
 ORDER BY r.id DESC LIMIT :most)
