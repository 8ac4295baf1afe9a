-- Reads the deviations of rollout :rollout from its plan: of each kind the number of devices and at most 100 examples.
-- The plan expects :devices starts in group :group_no and night :night (in days since 1970). Each device that starts in
-- that night beyond this number has started on another night than planned.
-- parameters: rollout bigint
-- batch: group_no bigint, night bigint, devices bigint
-- row: document.*
WITH zone AS MATERIALIZED (
  -- A zone that the server no longer knows counts as UTC.
  SELECT zone_no, CASE WHEN zone IN (SELECT name FROM pg_timezone_names) THEN zone ELSE 'UTC' END AS zone
  FROM rollout_zone
  WHERE rollout_id = :rollout
), started AS (
  SELECT i.device, i.group_no, i.dispatched_at, i.installing_at, w.closes_at,
         coalesce(night_of(z.zone, w.opens_at, w.closes_at, i.dispatched_at),
                  (i.dispatched_at AT TIME ZONE z.zone)::date) - date '1970-01-01' AS night
  FROM instruction i
  JOIN zone z ON z.zone_no = i.zone_no
  LEFT JOIN LATERAL (
    SELECT n.opens_at, n.closes_at
    FROM rollout_window n
    WHERE n.rollout_id = i.rollout_id AND n.zone_no = i.zone_no AND n.opens_at <= i.dispatched_at
    ORDER BY n.opens_at DESC
    LIMIT 1
  ) w ON w.closes_at > i.dispatched_at
  WHERE i.rollout_id = :rollout AND i.dispatched_at IS NOT NULL
), ranked AS (
  SELECT s.*, row_number() OVER (PARTITION BY s.group_no, s.night ORDER BY s.dispatched_at, s.device) AS nth FROM started s
), deviation AS MATERIALIZED (
  SELECT 'started_on_another_night' AS name, r.device, '' AS code
  FROM ranked r
  LEFT JOIN unnest(:group_no::bigint[], :night::bigint[], :devices::bigint[]) AS p(group_no, night, devices)
         ON p.group_no = r.group_no AND p.night = r.night
  WHERE r.nth > coalesce(p.devices, 0)
  UNION ALL
  SELECT 'outside_window', device, ''
  FROM started
  WHERE closes_at IS NULL OR installing_at > closes_at
  UNION ALL
  SELECT k.name, i.device, coalesce(i.code, '')
  FROM instruction i,
  LATERAL (SELECT EXISTS (SELECT FROM failing f WHERE f.instruction_id = i.id) AS had_failed) f,
  LATERAL (VALUES ('retried', EXISTS (SELECT FROM instruction_event e
                                     WHERE e.instruction_id = i.id AND e.attempt < i.attempt AND e.state IN (:FAILED, :REJECTED, :TIMED_OUT))),
                  ('deferred', i.deferrals > 0),
                  ('failed', i.state IN (:FAILED, :REJECTED, :TIMED_OUT) AND i.substate = :FINAL OR i.state IN (:CANCELLED, :EXPIRED) AND f.had_failed),
                  ('not_executed', i.state IN (:CANCELLED, :EXPIRED) AND NOT f.had_failed OR i.state = :CREATED AND i.ended_at IS NULL AND i.dispatched_at IS NULL
                                   AND (SELECT r.ended_at IS NOT NULL FROM rollout r WHERE r.id = :rollout))) AS k(name, holds)
  WHERE i.rollout_id = :rollout AND k.holds
)
SELECT json_object_agg(k.name, json_build_object(
    'devices', (SELECT count(*) FROM deviation d WHERE d.name = k.name),
    'codes', (SELECT coalesce(json_object_agg(c.code, c.devices ORDER BY c.code), '{}')
              FROM (SELECT d.code, count(*) AS devices
                    FROM deviation d
                    WHERE d.name = k.name AND d.name IN ('failed', 'not_executed') AND d.code <> ''
                    GROUP BY d.code) c),
    'examples', (SELECT coalesce(json_agg(e.device), '[]')
                 FROM (SELECT d.device FROM deviation d WHERE d.name = k.name ORDER BY d.device LIMIT 100) e))
  ORDER BY k.at)::text AS document
FROM unnest(ARRAY['started_on_another_night', 'outside_window', 'retried', 'deferred', 'failed', 'not_executed'])
       WITH ORDINALITY AS k(name, at)
