-- Reads what operators must know of all rollouts together. Times are in seconds since the epoch, 0: none. A branch is at its
-- budget as the claim sees it: so many of its machines are in flight, may still install or are out of service as the tightest
-- budget allows of the rollouts that are in flight there, or that run or are paused and took a machine out of service. What a
-- freeze holds is not due: of each open group the oldest :looked_at are looked at for one that no freeze holds.
-- parameters: looked_at bigint
-- row: out_of_service bigint, at_budget bigint, without_machine bigint, approvals bigint, approvals_oldest_s bigint,
--   oldest_due_s bigint, now_s bigint
WITH activity AS MATERIALIZED (
  SELECT f.branch, f.device, f.rollout_id, false AS is_down
  FROM instruction f
  WHERE f.in_flight AND f.branch IS NOT NULL
  UNION ALL
  SELECT o.branch, o.device, o.rollout_id, false
  FROM instruction o
  WHERE o.may_install_until IS NOT NULL AND o.branch IS NOT NULL AND o.may_install_until > now()
  UNION ALL
  SELECT u.branch, u.device, u.rollout_id, true FROM unavailable u WHERE u.branch IS NOT NULL
), used AS (
  SELECT a.branch, b.machines, count(DISTINCT a.device) FILTER (WHERE a.device <> a.branch) AS machines_used,
         count(DISTINCT a.device) AS used,
         min(branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)) AS headroom
  FROM activity a
  JOIN branch b ON b.id = a.branch
  LEFT JOIN rollout r ON r.id = a.rollout_id AND (NOT a.is_down OR r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED))
  GROUP BY a.branch, b.machines
), waiting AS (
  SELECT r.submitted_at AS since FROM rollout r WHERE r.state = :ROLLOUT_AWAITING_APPROVAL
  UNION ALL
  SELECT coalesce(g.settled_at, g.reached_at, g.opened_at)
  FROM rollout r JOIN rollout_group g ON g.rollout_id = r.id
  WHERE r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED) AND g.manual
    AND (g.state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g))
    AND NOT EXISTS (SELECT FROM approval a WHERE a.rollout_id = r.id AND a.group_no = g.group_no AND a.digest = r.digest)
  UNION ALL
  SELECT m.at FROM amendment m WHERE m.state = :AMENDMENT_AWAITING_APPROVAL
)
SELECT (SELECT count(*) FROM unavailable) AS out_of_service, u.at_budget, u.without_machine, w.approvals,
       coalesce(extract(epoch FROM w.oldest)::bigint, 0) AS approvals_oldest_s,
       coalesce(extract(epoch FROM (
         SELECT min(d.due_at)
         FROM rollout r
         JOIN rollout_group g ON g.rollout_id = r.id AND g.state = :GROUP_OPEN AND g.paused_at IS NULL,
         LATERAL (SELECT l.due_at
                  FROM (SELECT i.device, i.due_at FROM instruction i
                        WHERE i.rollout_id = r.id AND i.group_no = g.group_no AND i.due_at <= now()
                        ORDER BY i.due_at LIMIT :looked_at) l
                  WHERE NOT EXISTS (SELECT FROM freeze_order WHERE lifted_at IS NULL)
                     OR NOT EXISTS (SELECT FROM frozen_device z
                                    WHERE z.device = l.device AND z.lifted_at IS NULL
                                      AND NOT (z.except_rollback AND r.rollback_of IS NOT NULL)
                                    OFFSET 0)
                  ORDER BY l.due_at LIMIT 1) d
         WHERE r.state = :ROLLOUT_RUNNING))::bigint, 0) AS oldest_due_s,
       extract(epoch FROM now())::bigint AS now_s
FROM (SELECT count(*) FILTER (WHERE used >= headroom) AS at_budget,
             count(*) FILTER (WHERE machines_used >= machines AND machines > 0) AS without_machine FROM used) u,
     (SELECT count(*) AS approvals, min(since) AS oldest FROM waiting) w
