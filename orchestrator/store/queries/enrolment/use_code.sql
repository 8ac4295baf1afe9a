-- Records that the code of device :device was used, for the public key with SHA-256 :key_hash. It was checked in this
-- transaction.
-- parameters: device text, key_hash text
UPDATE enrolment SET used_at = coalesce(used_at, now()), used_key = :key_hash WHERE device = :device
