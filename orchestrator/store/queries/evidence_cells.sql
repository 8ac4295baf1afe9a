-- What preview_cells reckons of a plan, counted of rollout $1 as it was planned.
WITH home AS (
  SELECT i.group_no, i.zone_no, i.branch, count(*) FILTER (WHERE i.device IS DISTINCT FROM i.branch) AS devices,
         coalesce(bool_or(i.device = i.branch), false) AS node
  FROM instruction i
  WHERE i.rollout_id = $1
  GROUP BY 1, 2, 3
)
SELECT h.group_no, z.zone, CASE WHEN h.branch IS NULL THEN 1 ELSE h.devices END AS devices, h.node,
       branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed) AS room,
       coalesce(b.machines <= 1, false) AS single,
       sum(CASE WHEN h.branch IS NULL THEN h.devices ELSE 1 END)::bigint AS branches
FROM home h
JOIN rollout r ON r.id = $1
JOIN rollout_zone z ON z.rollout_id = $1 AND z.zone_no = h.zone_no
LEFT JOIN branch b ON b.id = h.branch
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5
