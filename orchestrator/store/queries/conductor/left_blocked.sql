-- Counts the waiting devices of rollout :rollout in branches whose budget is used up by machines out of service; as branches_waiting
-- does, but also those whose group is not open or that are not due yet. With :amends_budget the budget is another one
-- (:max_unavailable, :max_unavailable_percent).
-- parameters: rollout bigint, amends_budget boolean, max_unavailable text, max_unavailable_percent text
-- row: devices bigint
SELECT coalesce(sum(w.waiting), 0)::bigint AS devices
FROM rollout r,
LATERAL (SELECT u.branch, array_agg(u.device) AS machines FROM unavailable u WHERE u.branch IS NOT NULL GROUP BY u.branch) u
JOIN branch b ON b.id = u.branch,
LATERAL (
  SELECT count(*) AS waiting
  FROM device d,
  LATERAL (SELECT i.due_at FROM instruction i
           WHERE i.device = d.id AND i.rollout_id = r.id
           OFFSET 0) i -- a probe of the index a device, whatever statistics say of what is due
  WHERE d.branch = u.branch AND i.due_at IS NOT NULL AND d.id <> ALL (u.machines)
) w
WHERE r.id = :rollout
  AND CASE WHEN :amends_budget::boolean
           THEN branch_room(b.machines, :max_unavailable::text::integer, :max_unavailable_percent::text::double precision, r.single_device_allowed)
           ELSE branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed) END
      <= cardinality(u.machines)
