-- The groups of rollout $1 with their counts by state, in the order of groups. OFFSET 0: the look for something
-- unsettled ends at the first that is found.
SELECT g.group_no, g.name, g.state, g.success,
       ARRAY(SELECT coalesce(sum(c.count), 0)::bigint
             FROM instruction_state s
             LEFT JOIN counter c ON c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state = s.state
             GROUP BY s.state
             ORDER BY s.state) AS counts,
       g.state = 'open' AND EXISTS (SELECT FROM instruction i
                                    WHERE i.rollout_id = g.rollout_id AND i.wake_at IS NOT NULL
                                      AND i.group_no = g.group_no
                                    OFFSET 0) AS unsettled
FROM rollout_group g
WHERE g.rollout_id = $1
ORDER BY g.group_no
