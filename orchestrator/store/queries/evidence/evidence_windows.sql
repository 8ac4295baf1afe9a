-- Reads the nights of rollout :rollout as it was planned, in the form of preview_nights. :zones: its zones; :install_s:
-- the duration of an installation in seconds.
-- parameters: zones text[], rollout bigint, install_s bigint
-- row: window_night.*
WITH zone AS MATERIALIZED (
  -- A zone that the server no longer knows counts as UTC.
  SELECT zone_no, CASE WHEN zone_is_known(zone) THEN zone ELSE 'UTC' END AS zone
  FROM rollout_zone
  WHERE rollout_id = :rollout
)
SELECT z.at - 1 AS zone, (date_part('epoch', n.opens) * 1000)::bigint AS opens_ms,
       (date_part('epoch', n.until) * 1000)::bigint AS until_ms, n.night - date '1970-01-01' AS night
FROM unnest(:zones::text[]) WITH ORDINALITY AS z(zone, at)
JOIN rollout_zone o ON o.rollout_id = :rollout AND o.zone = z.zone
JOIN zone k ON k.zone_no = o.zone_no
JOIN rollout_window w ON w.rollout_id = :rollout AND w.zone_no = o.zone_no,
LATERAL window_nights(k.zone, w.opens_at, w.closes_at, :install_s) n
ORDER BY 1, 2
