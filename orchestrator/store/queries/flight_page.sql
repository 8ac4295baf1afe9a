-- Everything in flight, by pages in the order of devices; $2 true: pull clients only.
SELECT i.device, i.id, i.rollout_id, i.attempt, d.role, floor(extract(epoch FROM i.start_before))::bigint AS start_before_s,
       installation.epoch
FROM instruction i
JOIN device d ON d.id = i.device, installation
WHERE i.in_flight AND i.device > $1 AND (i.pull OR NOT $2::boolean)
ORDER BY i.device
LIMIT $3
