-- Gives device :device the code with SHA-256 :code_hash, for :valid_s seconds, instead of the one before. No row: the device
-- does not exist or is retired.
-- parameters: device text, code_hash text, valid_s bigint, actor text
-- row: expires_at text
INSERT INTO enrolment (device, code_hash, made_by, expires_at)
SELECT d.id, :code_hash, :actor, now() + make_interval(secs => :valid_s) FROM device d
WHERE d.id = :device AND d.retired_at IS NULL
ON CONFLICT (device) DO UPDATE
  SET code_hash = excluded.code_hash, made_by = excluded.made_by, made_at = now(), expires_at = excluded.expires_at,
      used_at = NULL, used_key = NULL
RETURNING rfc3339(expires_at) AS expires_at
