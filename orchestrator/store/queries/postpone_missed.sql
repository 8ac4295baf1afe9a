-- What is due in a zone whose window is closed, or too short now for an installation ($2 ms), goes to the
-- next window of its zone; if there is none it waits for the rollout's end. Only in groups that are open: the others'
-- wait anyway, and can be a million.
UPDATE instruction i
SET due_at = n.opens_at
FROM rollout_group g, rollout_zone z,
LATERAL (
  SELECT coalesce(min(w.opens_at) FILTER (WHERE w.opens_at > now()), 'infinity') AS opens_at,
         coalesce(bool_or(w.opens_at <= now() AND w.closes_at >= now() + $2::bigint * interval '1 ms'), false) AS is_open
  FROM rollout_window w
  WHERE w.rollout_id = $1 AND w.zone_no = z.zone_no
    AND (w.opens_at <= now() OR w.closes_at = 'infinity' OR w.closes_at - w.opens_at >= $2::bigint * interval '1 ms')
) n
WHERE z.rollout_id = $1 AND NOT n.is_open
  AND g.rollout_id = $1 AND g.state = 'open'
  AND i.rollout_id = $1 AND i.group_no = g.group_no AND i.zone_no = z.zone_no AND i.due_at <= now()
