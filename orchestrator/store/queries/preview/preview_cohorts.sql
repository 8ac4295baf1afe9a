-- Counts the devices in scope (:named_branches to :from_versions; :origin: completed in) by group (:groups: of the
-- plan; :seed: the rollout's; :devices_in_scope: their number), zone (:zone: one for all, or 'device') and kind of
-- branch: how many of its devices are in the group, whether its node is, and its headroom by the budget
-- (:max_unavailable, :max_unavailable_percent, :single_allowed). Each row counts the branches that are alike; a device
-- without a branch counts as a branch.
--
-- Devices are counted by branch before any join, and branches before any calculation or sort (OFFSET 0 separates the
-- steps): only the first step reads all devices.
-- parameters: members.*, zone text, budget.*
-- row: cohort.*
WITH home AS MATERIALIZED (
  SELECT m.group_no, m.branch, CASE WHEN m.branch IS NULL THEN m.own_zone END AS zone,
         count(*) AS members, count(*) FILTER (WHERE m.device = m.branch) AS nodes
  FROM group_members(:groups::jsonb, :seed, :devices_in_scope, :named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) m
  GROUP BY 1, 2, 3
)
SELECT k.group_no, CASE :zone WHEN 'device' THEN k.zone ELSE :zone END AS zone,
       CASE WHEN k.machines IS NULL THEN 1 ELSE k.members - k.nodes END AS devices,
       k.nodes > 0 AS node,
       branch_room(k.machines, :max_unavailable::text::integer, :max_unavailable_percent::text::double precision, :single_allowed) AS headroom,
       coalesce(k.machines <= 1, false) AS single,
       sum(CASE WHEN k.machines IS NULL THEN k.members * k.homes ELSE k.homes END)::bigint AS branches
FROM (SELECT h.group_no, coalesce(b.zone, h.zone) AS zone, b.machines, h.members, h.nodes, count(*) AS homes
      FROM home h
      LEFT JOIN branch b ON b.id = h.branch
      WHERE h.group_no IS NOT NULL
      GROUP BY 1, 2, 3, 4, 5
      OFFSET 0) k
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5
