-- Where rollout $1 left its plan, each with how many devices and a hundred of them. The plan: so many devices ($4) of a
-- group ($2) in a night ($3, in days since 1970); whoever started after so many in that night, started on another night
-- than planned.
WITH started AS (
  SELECT i.device, i.group_no, i.dispatched_at, i.installing_at, w.closes_at,
         coalesce(night_of(z.zone, w.opens_at, w.closes_at, i.dispatched_at),
                  (i.dispatched_at AT TIME ZONE z.zone)::date) - date '1970-01-01' AS night
  FROM instruction i
  JOIN rollout_zone z ON z.rollout_id = i.rollout_id AND z.zone_no = i.zone_no
  LEFT JOIN LATERAL (
    SELECT n.opens_at, n.closes_at
    FROM rollout_window n
    WHERE n.rollout_id = i.rollout_id AND n.zone_no = i.zone_no AND n.opens_at <= i.dispatched_at
    ORDER BY n.opens_at DESC
    LIMIT 1
  ) w ON w.closes_at > i.dispatched_at
  WHERE i.rollout_id = $1 AND i.dispatched_at IS NOT NULL
), ranked AS (
  SELECT s.*, row_number() OVER (PARTITION BY s.group_no, s.night ORDER BY s.dispatched_at, s.device) AS nth FROM started s
), deviation AS MATERIALIZED (
  SELECT 'started_on_another_night' AS kind, r.device, '' AS code
  FROM ranked r
  LEFT JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS p(group_no, night, devices)
         ON p.group_no = r.group_no AND p.night = r.night
  WHERE r.nth > coalesce(p.devices, 0)
  UNION ALL
  SELECT 'outside_window', device, ''
  FROM started
  WHERE closes_at IS NULL OR installing_at > closes_at
  UNION ALL
  SELECT k.kind, i.device, coalesce(i.code, '')
  FROM instruction i,
  LATERAL (VALUES ('retried', EXISTS (SELECT FROM instruction_event e
                                     WHERE e.instruction_id = i.id AND e.attempt < i.attempt AND e.state IN (6, 7, 8))),
                  ('deferred', i.deferrals > 0),
                  ('failed', i.state IN (6, 7, 8) AND i.wake_at IS NULL),
                  ('not_executed', i.state IN (9, 10) OR i.state = 0 AND i.ended_at IS NULL AND i.dispatched_at IS NULL
                                   AND (SELECT r.ended_at IS NOT NULL FROM rollout r WHERE r.id = $1))) AS k(kind, holds)
  WHERE i.rollout_id = $1 AND k.holds
)
SELECT json_object_agg(k.kind, json_build_object(
    'devices', (SELECT count(*) FROM deviation d WHERE d.kind = k.kind),
    'codes', (SELECT coalesce(json_object_agg(c.code, c.devices ORDER BY c.code), '{}')
              FROM (SELECT d.code, count(*) AS devices
                    FROM deviation d
                    WHERE d.kind = k.kind AND d.kind IN ('failed', 'not_executed') AND d.code <> ''
                    GROUP BY d.code) c),
    'examples', (SELECT coalesce(json_agg(e.device), '[]')
                 FROM (SELECT d.device FROM deviation d WHERE d.kind = k.kind ORDER BY d.device LIMIT 100) e))
  ORDER BY k.at)::text
FROM unnest(ARRAY['started_on_another_night', 'outside_window', 'retried', 'deferred', 'failed', 'not_executed'])
       WITH ORDINALITY AS k(kind, at)
