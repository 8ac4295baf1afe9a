-- Reads log :log. No row: there is none.
-- parameters: log bigint
-- row: device text, document.*
SELECT l.device,
       json_build_object('log', l.id, 'device', l.device, 'instruction', l.instruction_id, 'rollout', l.rollout_id,
                         'attempt', l.attempt, 'received_at', rfc3339(l.received_at), 'size', l.size_bytes,
                         'content', l.content)::text AS document
FROM device_log l
WHERE l.id = :log::bigint
