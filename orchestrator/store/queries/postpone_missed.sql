-- What is due in a zone whose window is closed, or too short now for an installation ($2 ms), goes to the
-- next window of its zone; if there is none it waits for the rollout's end. Only in groups that are open: the others'
-- wait anyway, and can be a million. A part at a time, from the front of the index, and nothing is read while
-- every zone is open.
WITH closed AS MATERIALIZED (
  SELECT z.zone_no, n.opens_at
  FROM rollout_zone z,
  LATERAL (
    SELECT coalesce(min(w.opens_at) FILTER (WHERE w.opens_at > now()), 'infinity') AS opens_at,
           coalesce(bool_or(w.opens_at <= now() AND w.closes_at >= now() + $2::bigint * interval '1 ms'), false) AS is_open
    FROM rollout_window w
    WHERE w.rollout_id = $1 AND w.zone_no = z.zone_no
      AND (w.opens_at <= now() OR w.closes_at = 'infinity' OR w.closes_at - w.opens_at >= $2::bigint * interval '1 ms')
  ) n
  WHERE z.rollout_id = $1 AND NOT n.is_open
), missed AS MATERIALIZED (
  SELECT d.id, d.zone_no
  FROM rollout_group g,
  LATERAL (
    SELECT id, zone_no
    FROM instruction
    WHERE rollout_id = $1 AND group_no = g.group_no AND due_at <= now()
      AND zone_no = ANY (ARRAY(SELECT zone_no FROM closed))
    ORDER BY due_at
    LIMIT 20000
    FOR UPDATE SKIP LOCKED
  ) d
  WHERE g.rollout_id = $1 AND g.state = 'open' AND EXISTS (SELECT FROM closed)
)
UPDATE instruction i
SET due_at = c.opens_at
FROM missed m
JOIN closed c ON c.zone_no = m.zone_no
WHERE i.id = m.id
