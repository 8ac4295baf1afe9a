-- Reads what uses the machines of the branches :branches, and what the devices :devices, which have none, have in flight: as
-- struct why_activity needs it, by branch or device. `is_shown`: the device is in :patterns (null: all are). `is_collect`: it is in
-- flight on a device of the branch and uses no machine.
-- parameters: branches text[], devices text[], patterns text
-- row: place text, device text, rollout bigint null, is_shown boolean, is_collect boolean, is_doubtful boolean, is_down boolean, state smallint,
--   since_ms bigint, since_text text null
SELECT a.place, a.device, a.rollout_id AS rollout,
       :patterns::jsonb IS NULL
       OR coalesce(labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))), false) AS is_shown,
       a.is_collect, a.is_doubtful, a.is_down, a.state, epoch_ms(a.since) AS since_ms, time_told(a.since, coalesce(b.zone, d.zone, 'UTC')) AS since_text
FROM (
  SELECT f.branch AS place, f.device, f.rollout_id, false AS is_collect, false AS is_doubtful, false AS is_down, f.state,
         coalesce(f.installing_at, f.received_at, f.sent_at, f.dispatched_at) AS since
  FROM instruction f
  WHERE f.branch = ANY (:branches) AND f.branch IS NOT NULL AND f.in_flight
  UNION ALL
  SELECT f.device, f.device, f.rollout_id, false, false, false, f.state, coalesce(f.installing_at, f.received_at, f.sent_at, f.dispatched_at)
  FROM instruction f
  WHERE f.device = ANY (:devices) AND f.device IS NOT NULL AND f.in_flight
  UNION ALL
  SELECT v.branch, f.device, f.rollout_id, true, false, false, f.state, coalesce(f.installing_at, f.received_at, f.sent_at, f.dispatched_at)
  FROM device v,
  LATERAL (SELECT n.* FROM instruction n WHERE n.device = v.id AND n.device IS NOT NULL AND n.in_flight AND n.branch IS NULL OFFSET 0) f
  WHERE v.branch = ANY (:branches)
  UNION ALL
  SELECT o.branch, o.device, o.rollout_id, false, true, false, o.state, coalesce(o.ended_at, o.dispatched_at)
  FROM instruction o
  WHERE o.branch = ANY (:branches) AND o.branch IS NOT NULL AND o.may_install_until > now()
  UNION ALL
  SELECT u.branch, u.device, u.rollout_id, false, false, true, :FAILED::smallint, u.since
  FROM unavailable u
  WHERE u.branch = ANY (:branches) AND u.branch IS NOT NULL
) a
LEFT JOIN device d ON d.id = a.device
LEFT JOIN branch b ON b.id = d.branch
ORDER BY a.place, a.device, a.is_down, a.is_doubtful
