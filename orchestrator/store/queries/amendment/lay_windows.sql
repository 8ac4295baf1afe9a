-- Lays out the windows of rollout :rollout that have not closed, up to its end, as planning does.
-- parameters: rollout bigint
WITH laid AS MATERIALIZED (
  SELECT z.zone_no, w.opens_at, w.closes_at
  FROM rollout r
  JOIN rollout_zone z ON z.rollout_id = r.id,
  LATERAL zone_windows(r.plan #> '{spec,schedule}', r.calendars, r.submitted_at,
                       ARRAY[CASE WHEN zone_is_known(z.zone) THEN z.zone ELSE 'UTC' END]) w
  WHERE r.id = :rollout AND w.closes_at > now()
), dropped AS (
  DELETE FROM rollout_window w
  WHERE w.rollout_id = :rollout AND w.opens_at > now()
    AND NOT EXISTS (SELECT FROM laid l WHERE l.zone_no = w.zone_no AND l.opens_at = w.opens_at)
)
INSERT INTO rollout_window (rollout_id, zone_no, opens_at, closes_at)
SELECT :rollout, l.zone_no, l.opens_at, l.closes_at FROM laid l
ON CONFLICT (rollout_id, zone_no, opens_at) DO UPDATE SET closes_at = excluded.closes_at
