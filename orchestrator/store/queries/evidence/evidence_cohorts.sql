-- Counts the devices of rollout :rollout as it was planned, in the form of preview_cohorts; :rest_only: only those that
-- have not ended. One partial index has the waiting instructions, another those in flight or undecided; each arm of the
-- union uses its own index, and an arm that the flag excludes is not executed. With :amends_budget the headroom is that of another
-- budget (:max_unavailable, :max_unavailable_percent).
-- parameters: rollout bigint, rest_only boolean, amends_budget boolean, max_unavailable text, max_unavailable_percent text
-- row: cohort.*
WITH member AS (
  SELECT group_no, zone_no, branch, device
  FROM instruction
  WHERE :rest_only::boolean AND rollout_id = :rollout AND due_at IS NOT NULL
  UNION ALL
  SELECT group_no, zone_no, branch, device
  FROM instruction
  WHERE :rest_only::boolean AND rollout_id = :rollout AND wake_at IS NOT NULL AND due_at IS NULL
  UNION ALL
  SELECT group_no, zone_no, branch, device FROM instruction WHERE NOT :rest_only::boolean AND rollout_id = :rollout
), home AS (
  SELECT m.group_no, m.zone_no, m.branch, count(*) FILTER (WHERE m.device IS DISTINCT FROM m.branch) AS devices,
         coalesce(bool_or(m.device = m.branch), false) AS node
  FROM member m
  GROUP BY 1, 2, 3
)
SELECT h.group_no, z.zone, CASE WHEN h.branch IS NULL THEN 1 ELSE h.devices END AS devices, h.node,
       CASE WHEN :amends_budget::boolean
            THEN branch_room(b.machines, :max_unavailable::text::integer, :max_unavailable_percent::text::double precision, r.single_device_allowed)
            ELSE branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed) END AS headroom,
       coalesce(b.machines <= 1, false) AS single,
       sum(CASE WHEN h.branch IS NULL THEN h.devices ELSE 1 END)::bigint AS branches
FROM home h
JOIN rollout r ON r.id = :rollout
JOIN rollout_zone z ON z.rollout_id = :rollout AND z.zone_no = h.zone_no
LEFT JOIN branch b ON b.id = h.branch
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5
