-- Reads the counters of the rollouts that have not ended, at most :most of them, and of those of :rollouts that have.
-- parameters: rollouts bigint[], most bigint
-- row: rollout bigint, has_ended boolean, document text
-- alone
WITH wanted AS MATERIALIZED (
  SELECT r.id, r.name, r.state, r.devices, r.ended_at
  FROM rollout r
  WHERE r.id IN ((SELECT o.id FROM rollout o
                  WHERE o.state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
                  ORDER BY o.id DESC LIMIT :most)
                 UNION SELECT unnest(:rollouts::bigint[]))
)
SELECT w.id AS rollout, w.ended_at IS NOT NULL AS has_ended,
       json_build_object('rollout', w.id, 'name', w.name, 'state', w.state, 'devices', w.devices,
                         'counts', (SELECT coalesce(json_object_agg(c.name, c.devices ORDER BY c.state), '{}')
                                    FROM (SELECT s.state, s.name, sum(c.count)::bigint AS devices
                                          FROM counter c JOIN instruction_state s ON s.state = c.state
                                          WHERE c.rollout_id = w.id
                                          GROUP BY s.state, s.name
                                          HAVING sum(c.count) <> 0) c))::text AS document
FROM wanted w
ORDER BY w.id
