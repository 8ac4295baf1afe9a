-- What each of these devices has in flight; a device that is not in the fleet has no row.
SELECT n.at - 1 AS at, i.id, i.rollout_id, i.attempt, d.role, floor(extract(epoch FROM i.start_before))::bigint AS start_before_s,
       installation.epoch
FROM unnest($1::text[]) WITH ORDINALITY AS n(device, at)
JOIN device d ON d.id = n.device
LEFT JOIN instruction i ON i.device = n.device AND i.in_flight, installation
ORDER BY n.at
