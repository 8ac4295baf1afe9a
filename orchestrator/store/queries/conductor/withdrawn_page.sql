-- Lists pull clients whose topic must no longer hold an instruction that was withdrawn or given up and could still
-- begin: at most :most, in the order of (start_before, device) after :after_us (us) and :after_device. Excludes
-- instructions that the device itself ended, which it never repeats, and devices with an instruction in flight, which
-- replaces the retained one.
-- parameters: after_us bigint, after_device text, most bigint
-- row: released.*, start_before_us bigint
SELECT i.device, true AS pull, floor(extract(epoch FROM i.start_before) * 1000000)::bigint AS start_before_us
FROM instruction i
WHERE i.pull AND NOT i.in_flight AND i.start_before > now()
  AND (i.start_before, i.device) > (timestamptz 'epoch' + :after_us::bigint * interval '1 us', :after_device)
  AND i.state NOT IN (:COMPLETED, :FAILED, :REJECTED)
  AND NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.device AND f.in_flight)
ORDER BY i.start_before, i.device
LIMIT :most
