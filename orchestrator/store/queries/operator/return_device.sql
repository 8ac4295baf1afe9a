-- Returns device :device to service for :actor with reason :reason, and records an event of the rollout that took it
-- out of service. `is_known`: the device exists; `returned`: its unavailability as JSON, null if it was in service.
-- parameters: device text, actor text, reason text
-- row: is_known boolean, returned text null
WITH returned AS (
  DELETE FROM unavailable WHERE device = :device
  RETURNING device, branch, rollout_id, code, since
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason)
  SELECT rollout_id, :KIND_DEVICE_RETURNED, :actor, device || ': ' || :reason FROM returned
)
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device) AS is_known,
       (SELECT json_build_object('device', device, 'branch', branch, 'rollout', rollout_id, 'code', code,
                                 'since', rfc3339(since), 'returned_by', :actor::text, 'reason', :reason::text)::text FROM returned) AS returned
