-- Lists the times in which devices of the zones :zones may start under schedule :schedule and calendars :calendars,
-- submitted at :submitted_at, if an installation takes :install_s seconds: the zone's place in :zones, the first time,
-- the time before which they must start, and the night in days since 1970. :days: only the first days; 0: all that
-- planning computes.
-- parameters: zones text[], schedule text, calendars text, submitted_at text, install_s bigint, days bigint
-- row: window_night.*
WITH schedule AS (
  SELECT CASE WHEN :days = 0 THEN s.whole
           ELSE jsonb_set(s.whole, '{endAt}', to_jsonb(least(
                  (s.whole ->> 'endAt')::timestamptz,
                  greatest((s.whole ->> 'startAt')::timestamptz, :submitted_at::text::timestamptz) + :days * interval '1 day'))) END AS s
  FROM (SELECT :schedule::jsonb AS whole) s
)
SELECT z.at - 1 AS zone, (date_part('epoch', n.opens) * 1000)::bigint AS opens_ms,
       (date_part('epoch', n.until) * 1000)::bigint AS until_ms, n.night - date '1970-01-01' AS night
FROM schedule,
LATERAL zone_windows(schedule.s, :calendars::jsonb, :submitted_at::text::timestamptz, :zones) w
JOIN unnest(:zones::text[]) WITH ORDINALITY AS z(zone, at) ON z.zone = w.zone,
LATERAL window_nights(w.zone, w.opens_at, w.closes_at, :install_s) n
ORDER BY 1, 2
