-- What preview_nights lays out for a plan, of rollout $2 as it was planned; $1: its zones, $3: the seconds that an
-- installation takes.
SELECT z.at - 1, (date_part('epoch', n.opens) * 1000)::bigint, (date_part('epoch', n.until) * 1000)::bigint,
       n.night - date '1970-01-01'
FROM unnest($1::text[]) WITH ORDINALITY AS z(zone, at)
JOIN rollout_zone o ON o.rollout_id = $2 AND o.zone = z.zone
JOIN rollout_window w ON w.rollout_id = $2 AND w.zone_no = o.zone_no,
LATERAL window_nights(z.zone, w.opens_at, w.closes_at, $3) n
ORDER BY 1, 2
