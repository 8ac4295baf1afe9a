-- Claims whose lease ran out become $1's, for $2 ms; what of them is still dispatched must be delivered again. They may
-- have been its own: it does not renew one that it was never told of.
WITH lost AS (
  SELECT id FROM claim WHERE lease_until < now() ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE claim c SET instance = $1, lease_until = now() + $2::bigint * interval '1 ms'
  FROM lost WHERE c.id = lost.id
  RETURNING c.id, c.instructions
)
SELECT t.id AS claim, i.id, i.device, coalesce(i.branch, '') AS branch, i.attempt, i.pull, i.device = i.branch AS node,
       floor(extract(epoch FROM i.start_before))::bigint AS start_before_s, i.rollout_id AS rollout, installation.epoch
FROM taken t
JOIN instruction i ON i.id = ANY (t.instructions) AND i.state = 1, installation
ORDER BY t.id, i.branch, i.id
