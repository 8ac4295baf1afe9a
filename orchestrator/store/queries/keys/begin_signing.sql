-- Lets the offered key :id sign when no device in service lacks it.
-- parameters: id text
-- counted
UPDATE signing_key k SET state = :KEY_SIGNING, signing_at = now()
WHERE k.id = :id AND k.state = :KEY_OFFERED
  AND NOT EXISTS (SELECT FROM device_in_service d WHERE d.trusted_keys IS NULL OR NOT k.id = ANY (d.trusted_keys))
