-- Reads the zones of rollout :rollout with the window that is open there or, without one, the next that opens: at most :most,
-- those that open first before others.
-- parameters: rollout bigint, most bigint
-- row: zone text, is_open boolean, changes_ms bigint, changes_text text null
SELECT z.zone, coalesce(o.closes_at > now(), false) AS is_open, epoch_ms(t.changes_at) AS changes_ms,
       time_told(t.changes_at, z.zone) AS changes_text
FROM rollout_zone z
LEFT JOIN LATERAL (
  SELECT w.closes_at FROM rollout_window w
  WHERE w.rollout_id = z.rollout_id AND w.zone_no = z.zone_no AND w.opens_at <= now()
  ORDER BY w.opens_at DESC LIMIT 1
) o ON true
LEFT JOIN LATERAL (
  SELECT w.opens_at FROM rollout_window w
  WHERE w.rollout_id = z.rollout_id AND w.zone_no = z.zone_no AND w.opens_at > now()
  ORDER BY w.opens_at LIMIT 1
) n ON true
CROSS JOIN LATERAL (SELECT CASE WHEN o.closes_at > now() THEN o.closes_at ELSE n.opens_at END AS changes_at) t
WHERE z.rollout_id = :rollout
ORDER BY is_open DESC, t.changes_at, z.zone
LIMIT :most
