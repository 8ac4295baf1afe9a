-- When devices of each of the zones $1 may start under the schedule $2 and the calendars $3, submitted at $4, if an
-- installation takes $5 seconds: the zone's place in $1, from when until before when, and the night in days since 1970.
-- Only of the first $6 days; 0: of all that planning lays out.
WITH schedule AS (
  SELECT CASE WHEN $6 = 0 THEN s.whole
           ELSE jsonb_set(s.whole, '{endAt}', to_jsonb(least(
                  (s.whole ->> 'endAt')::timestamptz,
                  greatest((s.whole ->> 'startAt')::timestamptz, $4::text::timestamptz) + $6 * interval '1 day'))) END AS s
  FROM (SELECT $2::jsonb AS whole) s
)
SELECT z.at - 1, (date_part('epoch', n.opens) * 1000)::bigint, (date_part('epoch', n.until) * 1000)::bigint,
       n.night - date '1970-01-01'
FROM schedule,
LATERAL zone_windows(schedule.s, $3::jsonb, $4::text::timestamptz, $1) w
JOIN unnest($1::text[]) WITH ORDINALITY AS z(zone, at) ON z.zone = w.zone,
LATERAL window_nights(w.zone, w.opens_at, w.closes_at, $5) n
ORDER BY 1, 2
