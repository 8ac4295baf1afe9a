-- The groups of rollout $1 in their order, with their counts by state. What ended and may be tried again is not in the
-- counts, but told by itself: it is about to wake up. $2: also count those that went out of service for good.
WITH retriable AS MATERIALIZED (
  SELECT group_no, state, count(*) AS instructions
  FROM instruction
  WHERE rollout_id = $1 AND wake_at <= now() + interval '1 s' AND state IN (6, 8)
  GROUP BY group_no, state
)
SELECT g.group_no, g.name, g.state, g.success, g.soak_s * 1000 AS soak_ms, g.manual,
       coalesce((extract(epoch FROM g.settled_at) * 1000)::bigint, 0) AS settled_ms,
       g.manual AND EXISTS (SELECT FROM approval a JOIN rollout r ON r.id = a.rollout_id AND r.digest = a.digest
                            WHERE a.rollout_id = g.rollout_id AND a.group_no = g.group_no AND a.approved) AS approved,
       g.manual AND EXISTS (SELECT FROM approval a JOIN rollout r ON r.id = a.rollout_id AND r.digest = a.digest
                            WHERE a.rollout_id = g.rollout_id AND a.group_no = g.group_no AND NOT a.approved) AS rejected,
       ARRAY(SELECT (coalesce(sum(c.count), 0)
                     - coalesce((SELECT r.instructions FROM retriable r
                                 WHERE r.group_no = g.group_no AND r.state = s.state), 0))::bigint
             FROM instruction_state s
             LEFT JOIN counter c ON c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state = s.state
             GROUP BY s.state
             ORDER BY s.state) AS counts,
       coalesce((SELECT sum(r.instructions) FROM retriable r WHERE r.group_no = g.group_no), 0)::bigint AS retriable,
       CASE WHEN $2::boolean
            THEN (SELECT count(*) FROM instruction i
                  WHERE i.rollout_id = g.rollout_id AND i.group_no = g.group_no
                    AND i.code IN ('out_of_service', 'install_timeout') AND i.state IN (6, 7, 8) AND i.wake_at IS NULL)
            ELSE 0 END AS out_of_service
FROM rollout_group g
WHERE g.rollout_id = $1
ORDER BY g.group_no
