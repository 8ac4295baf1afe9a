-- Records a certificate that was issued, and deletes those of the device that have expired.
-- parameters: device text, serial text, not_after_ms bigint
WITH expired AS (
  DELETE FROM device_certificate WHERE device = :device AND not_after < now()
)
INSERT INTO device_certificate (serial, device, not_after)
VALUES (:serial, :device, to_timestamp(:not_after_ms / 1000.0))
