-- Retires device :device for :actor with reason :reason. `is_known`: the device exists; `retired`: what was written, as JSON,
-- null if it was retired before. It no longer counts as a machine of its branch. Its instructions follow by end_retired.
-- Follows raise_directory, whose version is :version.
-- parameters: device text, actor text, reason text, version bigint
-- row: is_known boolean, retired text null
WITH retired AS (
  UPDATE device SET retired_at = now(), retired_by = :actor, retired_reason = :reason, directory_version = :version
  WHERE id = :device AND retired_at IS NULL
  RETURNING id, branch, role, retired_at
), available AS (
  DELETE FROM unavailable u USING retired r WHERE u.device = r.id
), counted AS (
  UPDATE branch b SET machines = machines - 1 FROM retired r WHERE b.id = r.branch AND r.role <> :ROLE_NODE
)
SELECT EXISTS (SELECT FROM device d WHERE d.id = :device) AS is_known,
       (SELECT json_build_object('device', id, 'branch', branch, 'retired_at', rfc3339(retired_at), 'retired_by', :actor::text,
                                 'reason', :reason::text)::text FROM retired) AS retired
