-- What each of these devices has in flight and may be given; a device that is not in the fleet has no row. LATERAL with
-- its LIMIT is one probe of the index a device: a join could be planned to read all that is in flight.
SELECT n.at - 1 AS at, i.id, i.rollout_id, i.attempt, d.role, floor(extract(epoch FROM i.start_before))::bigint AS start_before_s,
       installation.epoch
FROM unnest($1::text[]) WITH ORDINALITY AS n(device, at)
JOIN device d ON d.id = n.device
LEFT JOIN LATERAL (
  SELECT f.id, f.rollout_id, f.attempt, f.start_before
  FROM instruction f
  WHERE f.device = n.device AND f.in_flight AND NOT (f.state = 1 AND f.withdrawn_at IS NOT NULL)
  LIMIT 1
) i ON true, installation
ORDER BY n.at
