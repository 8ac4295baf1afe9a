-- The devices in scope ($1 to $6; $7: completed in) by group ($8: the plan's groups, $9: the rollout's seed, $10: devices
-- in scope), zone ($11: one for all, or 'device'), and what their branch is like: how many of its devices are in the
-- group, whether its node is, and its room by the budget ($12, $13, $14). Each row counts branches that are alike; a
-- device without a branch stands for itself.
--
-- Devices are counted by branch before anything is looked up, and branches before anything is reckoned or sorted
-- (OFFSET 0 keeps the steps apart): only the first step goes over all devices.
WITH home AS MATERIALIZED (
  SELECT m.group_no, m.branch, CASE WHEN m.branch IS NULL THEN m.own_zone END AS zone,
         count(*) AS members, count(*) FILTER (WHERE m.device = m.branch) AS nodes
  FROM group_members($8::jsonb, $9, $10, $1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) m
  GROUP BY 1, 2, 3
)
SELECT k.group_no, CASE $11 WHEN 'device' THEN k.zone ELSE $11 END AS zone,
       CASE WHEN k.machines IS NULL THEN 1 ELSE k.members - k.nodes END AS devices,
       k.nodes > 0 AS node,
       branch_room(k.machines, $12::text::integer, $13::text::double precision, $14) AS room,
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
