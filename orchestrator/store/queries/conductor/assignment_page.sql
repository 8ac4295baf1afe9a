-- Reads a page of everything in flight, in the order of devices. An amended end may leave less time to start than an instruction has
-- that was not answered.
-- parameters: after text, most bigint
-- row: device text, assignment.*, branch text, pull boolean, withdrawn boolean
SELECT i.device, i.id AS instruction, i.rollout_id AS rollout, i.attempt, d.role,
       floor(extract(epoch FROM least(i.start_before, CASE WHEN i.state = :DISPATCHED THEN (SELECT r.last_start_at FROM rollout r WHERE r.id = i.rollout_id) END)))::bigint
         AS start_before_s,
       installation.epoch, EXISTS (SELECT FROM unavailable u WHERE u.device = i.device) AS out_of_service,
       coalesce(i.branch, d.branch, '') AS branch, i.pull,
       i.substate = :WITHDRAWING AS withdrawn
FROM instruction i
JOIN device d ON d.id = i.device, installation
WHERE i.in_flight AND i.device > :after
ORDER BY i.device
LIMIT :most
