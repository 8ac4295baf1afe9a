-- Revokes all certificates of device :device, also those that are unknown here, and voids its code. The device is locked by
-- this transaction, after raise_directory, whose version is :version.
-- parameters: device text, actor text, reason text, version bigint
-- row: document.*
WITH revoked AS (
  UPDATE device_certificate SET revoked_at = now(), directory_version = :version
  WHERE device = :device AND revoked_at IS NULL AND not_after > now()
  RETURNING serial
), marked AS (
  UPDATE device SET directory_version = :version WHERE id = :device
), voided AS (
  DELETE FROM enrolment WHERE device = :device
), noted AS (
  INSERT INTO device_revocation (device, actor, reason) VALUES (:device, :actor, :reason)
  ON CONFLICT (device) DO UPDATE SET revoked_at = now(), actor = excluded.actor, reason = excluded.reason
)
SELECT json_build_object('device', :device::text, 'revoked', coalesce(json_agg(serial ORDER BY serial), '[]'),
                         'at', rfc3339(now()), 'by', :actor::text, 'reason', :reason::text)::text AS document
FROM revoked
