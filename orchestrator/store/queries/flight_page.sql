-- Everything in flight, by pages in the order of devices.
SELECT i.device, i.id, i.rollout_id, i.attempt, d.role, floor(extract(epoch FROM i.start_before))::bigint AS start_before_s,
       installation.epoch, coalesce(i.branch, '') AS branch, i.pull,
       i.state = 1 AND i.withdrawn_at IS NOT NULL AS withdrawn
FROM instruction i
JOIN device d ON d.id = i.device, installation
WHERE i.in_flight AND i.device > $1
ORDER BY i.device
LIMIT $2
