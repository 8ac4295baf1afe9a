-- Keeps the log :content of attempt :attempt of instruction :instruction, if that is of device :device and has come to this
-- attempt, and if the device has sent less than :count_limit logs and :bytes_limit bytes within a day. A log that is there
-- stays. The device must be locked.
-- parameters: device text, instruction bigint, attempt bigint, content text, count_limit bigint, bytes_limit bigint
-- row: is_known boolean, is_there boolean, has_space boolean
WITH asked AS (
  SELECT i.rollout_id FROM instruction i WHERE i.id = :instruction::bigint AND (i.device = :device::text) IS TRUE AND i.attempt >= :attempt::bigint
), used AS (
  SELECT count(*) < :count_limit::bigint AND coalesce(sum(l.size_bytes), 0) + octet_length(:content::text) <= :bytes_limit::bigint AS has_space
  FROM device_log l
  WHERE l.device = :device AND l.received_at > now() - interval '24 hours'
), there AS (
  SELECT EXISTS (SELECT FROM device_log WHERE instruction_id = :instruction::bigint AND attempt = :attempt::bigint) AS is_there
), put AS (
  INSERT INTO device_log (device, instruction_id, rollout_id, attempt, size_bytes, content)
  SELECT :device::text, :instruction::bigint, a.rollout_id, (:attempt::bigint)::integer, octet_length(:content::text), :content::text
  FROM asked a, used u, there t
  WHERE u.has_space AND NOT t.is_there
)
SELECT EXISTS (SELECT FROM asked) AS is_known, t.is_there, u.has_space FROM used u, there t
