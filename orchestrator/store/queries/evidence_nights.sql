-- What happened in each night of rollout $1, by group: when and how many started (told by the last attempt of each), and
-- what came of them. A night is told in days since 1970; a start outside all windows belongs to its own local date.
SELECT i.group_no,
       coalesce(night_of(z.zone, w.opens_at, w.closes_at, i.dispatched_at), (i.dispatched_at AT TIME ZONE z.zone)::date)
         - date '1970-01-01' AS night,
       count(*) AS started,
       count(*) FILTER (WHERE i.state = 5) AS completed,
       count(*) FILTER (WHERE i.state = 6) AS failed,
       count(*) FILTER (WHERE i.state = 7) AS rejected,
       count(*) FILTER (WHERE i.state = 8) AS timed_out,
       count(*) FILTER (WHERE i.in_flight) AS in_flight,
       count(*) FILTER (WHERE i.attempt > 1 + i.deferrals) AS retried,
       (extract(epoch FROM min(i.dispatched_at)) * 1000)::bigint AS first_start_ms,
       (extract(epoch FROM max(i.ended_at)) * 1000)::bigint AS last_end_ms
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
GROUP BY 1, 2
ORDER BY 1, 2
