-- Returns device :device to service for :actor with reason :reason: from being out of service, with an event of the rollout
-- that took it out, or from being retired. `is_known`: the device exists; `returned`: what it was, as JSON, null if it was in
-- service. `is_denied`: it is retired, and without :may_take_back stays so. Follows raise_directory, whose version is :version.
-- parameters: device text, actor text, reason text, version bigint, may_take_back boolean
-- row: is_known boolean, is_denied boolean, returned text null
WITH returned AS (
  DELETE FROM unavailable WHERE device = :device
  RETURNING device, branch, rollout_id, code, since
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason)
  SELECT rollout_id, :KIND_DEVICE_RETURNED, :actor, device || ': ' || :reason FROM returned
), retired AS MATERIALIZED (
  SELECT id, branch, role, retired_at FROM device WHERE id = :device AND retired_at IS NOT NULL AND :may_take_back::boolean FOR UPDATE
), restored AS (
  UPDATE device d SET retired_at = NULL, retired_by = NULL, retired_reason = NULL, directory_version = :version
  FROM retired r WHERE d.id = r.id
), counted AS (
  UPDATE branch b SET machines = machines + 1 FROM retired r WHERE b.id = r.branch AND r.role <> :ROLE_NODE
)
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device) AS is_known,
       NOT :may_take_back AND EXISTS (SELECT FROM device d WHERE d.id = :device AND d.retired_at IS NOT NULL) AS is_denied,
       coalesce((SELECT json_build_object('device', device, 'branch', branch, 'rollout', rollout_id, 'code', code,
                                          'since', rfc3339(since), 'returned_by', :actor::text, 'reason', :reason::text)::text FROM returned),
                (SELECT json_build_object('device', id, 'branch', branch, 'code', :CODE_DEVICE_RETIRED,
                                          'since', rfc3339(retired_at), 'returned_by', :actor::text, 'reason', :reason::text)::text FROM retired)) AS returned
