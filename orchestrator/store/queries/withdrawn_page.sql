-- Pull clients that must not find on their topic what was withdrawn from them, or given up, and could still begin: at
-- most $3, in the order of (start_before, device) after $1 (us) and $2. What a device has ended itself it never does
-- again; what is in flight takes the place of what was there.
SELECT i.device, true AS pull, floor(extract(epoch FROM i.start_before) * 1000000)::bigint AS start_before_us
FROM instruction i
WHERE i.pull AND NOT i.in_flight AND i.start_before > now()
  AND (i.start_before, i.device) > (timestamptz 'epoch' + $1::bigint * interval '1 us', $2)
  AND i.state NOT IN (5, 6, 7)
  AND NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.device AND f.in_flight)
ORDER BY i.start_before, i.device
LIMIT $3
