-- Reads the results of each night of rollout :rollout by group: when devices started, how many, and how they ended. The
-- last attempt of a device counts. A night is given in days since 1970; a start outside all windows belongs to its own
-- local date.
-- parameters: rollout bigint
-- row: group_no smallint, night integer, started bigint, completed bigint, failed bigint, rejected bigint, timed_out
--   bigint, in_flight bigint, retried bigint, first_start_ms bigint null, last_end_ms bigint null
WITH zone AS MATERIALIZED (
  -- A zone that the server no longer knows counts as UTC.
  SELECT zone_no, CASE WHEN zone IN (SELECT name FROM pg_timezone_names) THEN zone ELSE 'UTC' END AS zone
  FROM rollout_zone
  WHERE rollout_id = :rollout
)
SELECT i.group_no,
       coalesce(night_of(z.zone, w.opens_at, w.closes_at, i.dispatched_at), (i.dispatched_at AT TIME ZONE z.zone)::date)
         - date '1970-01-01' AS night,
       count(*) AS started,
       count(*) FILTER (WHERE i.state = :COMPLETED) AS completed,
       count(*) FILTER (WHERE i.state = :FAILED OR i.state IN (:CANCELLED, :EXPIRED) AND f.state = :FAILED) AS failed,
       count(*) FILTER (WHERE i.state = :REJECTED) AS rejected,
       count(*) FILTER (WHERE i.state = :TIMED_OUT OR i.state IN (:CANCELLED, :EXPIRED) AND f.state = :TIMED_OUT) AS timed_out,
       count(*) FILTER (WHERE i.in_flight) AS in_flight,
       count(*) FILTER (WHERE i.attempt > 1 + i.deferrals) AS retried,
       (extract(epoch FROM min(i.dispatched_at)) * 1000)::bigint AS first_start_ms,
       (extract(epoch FROM max(i.ended_at)) * 1000)::bigint AS last_end_ms
FROM instruction i
JOIN zone z ON z.zone_no = i.zone_no
LEFT JOIN failing f ON f.instruction_id = i.id
LEFT JOIN LATERAL (
  SELECT n.opens_at, n.closes_at
  FROM rollout_window n
  WHERE n.rollout_id = i.rollout_id AND n.zone_no = i.zone_no AND n.opens_at <= i.dispatched_at
  ORDER BY n.opens_at DESC
  LIMIT 1
) w ON w.closes_at > i.dispatched_at
WHERE i.rollout_id = :rollout AND i.dispatched_at IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2
