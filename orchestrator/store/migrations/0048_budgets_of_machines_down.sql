-- As before; a machine that is out of service has the budget of the rollout that took it out for as long as that rollout runs or is
-- paused: a branch whose budget is used up by such machines alone is at its budget, and starts nothing.
CREATE OR REPLACE FUNCTION branch_use(of_branch text, machines integer)
RETURNS TABLE (in_flight bigint, unavailable bigint, used bigint, machines_left bigint, budget integer)
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT f.device) FILTER (WHERE NOT f.is_down), count(DISTINCT f.device) FILTER (WHERE f.is_down),
         count(DISTINCT f.device), machines - count(DISTINCT f.device) FILTER (WHERE f.device <> of_branch),
         min((SELECT branch_room(machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)
              FROM rollout r
              WHERE r.id = f.rollout_id AND (NOT f.is_down OR r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED))))
  FROM (SELECT i.device, i.rollout_id, false AS is_down
        FROM instruction i WHERE i.branch = of_branch AND i.branch IS NOT NULL AND i.in_flight
        UNION ALL
        SELECT o.device, o.rollout_id, false
        FROM instruction o WHERE o.branch = of_branch AND o.branch IS NOT NULL AND o.may_install_until > now()
        UNION ALL
        SELECT u.device, u.rollout_id, true FROM unavailable u WHERE u.branch = of_branch) f
$$;
