-- For each zone of the rollout, when its devices may be at work: the plan's windows by the zone's own clock
-- on the wall, within startAt and endAt, less the blackouts. A blackout given by dates lasts through its
-- last day. Windows are laid out for a year at most.
WITH span AS (
  SELECT z.zone_no, z.zone, r.plan #> '{spec,schedule}' AS schedule, t.starts_at,
         greatest(t.starts_at,
                  least(t.ends_at,
                        CASE jsonb_array_length(r.plan #> '{spec,schedule,windows}')
                          WHEN 0 THEN 'infinity' ELSE t.starts_at + interval '366 days' END)) AS ends_at
  FROM rollout r
  JOIN rollout_zone z ON z.rollout_id = r.id,
  LATERAL (SELECT greatest((r.plan #>> '{spec,schedule,startAt}')::timestamptz, r.submitted_at) AS starts_at,
                  (r.plan #>> '{spec,schedule,endAt}')::timestamptz AS ends_at) t
  WHERE r.id = $1
), opened AS (
  SELECT zone_no, tstzmultirange(tstzrange(starts_at, ends_at)) AS ranges
  FROM span
  WHERE jsonb_array_length(schedule -> 'windows') = 0
  UNION ALL
  SELECT s.zone_no, range_agg(tstzrange(t.opens_at, greatest(t.opens_at, t.closes_at)))
                    * tstzmultirange(tstzrange(min(s.starts_at), min(s.ends_at)))
  FROM span s,
       jsonb_array_elements(s.schedule -> 'windows') w,
       generate_series(date_trunc('day', s.starts_at AT TIME ZONE s.zone) - interval '1 day',
                       s.ends_at AT TIME ZONE s.zone, interval '1 day') AS day,
       LATERAL (SELECT (day + (w ->> 'start')::time) AT TIME ZONE s.zone AS opens_at,
                       (day + (w ->> 'start')::time + (w ->> 'duration')::int * interval '1 second')
                         AT TIME ZONE s.zone AS closes_at) t
  WHERE (w -> 'days') @> to_jsonb(extract(isodow FROM day)::int)
  GROUP BY s.zone_no
), closed AS (
  SELECT s.zone_no, range_agg(tstzrange(t.begins_at, greatest(t.begins_at, t.ends_at))) AS ranges
  FROM span s,
       jsonb_array_elements(s.schedule -> 'blackouts') b,
       LATERAL (SELECT CASE length(b ->> 'from') WHEN 10 THEN (b ->> 'from')::timestamp AT TIME ZONE s.zone
                         ELSE (b ->> 'from')::timestamptz END AS begins_at,
                       CASE length(b ->> 'to') WHEN 10 THEN ((b ->> 'to')::date + 1)::timestamp AT TIME ZONE s.zone
                         ELSE (b ->> 'to')::timestamptz END AS ends_at) t
  GROUP BY s.zone_no
)
INSERT INTO rollout_window (rollout_id, zone_no, opens_at, closes_at)
SELECT $1, o.zone_no, lower(piece), upper(piece)
FROM opened o
LEFT JOIN closed c USING (zone_no),
LATERAL unnest(o.ranges - coalesce(c.ranges, '{}'::tstzmultirange)) AS piece
