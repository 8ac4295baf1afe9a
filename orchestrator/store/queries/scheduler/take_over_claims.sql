-- Takes over at most 20 claims with an expired lease for :instance and :lease_ms ms; skips claims that another
-- transaction has locked. Returns their instructions that are still dispatched: they must be delivered again. A claim
-- of :instance itself can expire: if the reply that named it was lost, the instance does not know of it and does not
-- renew it.
-- parameters: instance text, lease_ms bigint
-- row: claimed.*
WITH expired AS (
  SELECT id FROM claim WHERE lease_until < now() ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE claim c SET instance = :instance, lease_until = now() + :lease_ms::bigint * interval '1 ms'
  FROM expired WHERE c.id = expired.id
  RETURNING c.id, c.instructions
)
SELECT t.id AS claim, i.id AS instruction, i.device, coalesce(p.branch, '') AS branch, i.attempt, i.pull, i.device = p.branch AS node,
       floor(extract(epoch FROM least(i.start_before, (SELECT r.last_start_at FROM rollout r WHERE r.id = i.rollout_id))))::bigint AS start_before_s, i.rollout_id AS rollout, installation.epoch,
       EXISTS (SELECT FROM unavailable u WHERE u.device = i.device) AS out_of_service
FROM taken t
JOIN instruction i ON i.id = ANY (t.instructions) AND i.state = :DISPATCHED, installation,
LATERAL (SELECT coalesce(i.branch, (SELECT d.branch FROM device d WHERE d.id = i.device)) AS branch) p
ORDER BY t.id, p.branch, i.id
