-- Lets the offered key :id sign for :actor with reason :reason, though devices may lack it.
-- parameters: id text, actor text, reason text
-- row: is_known boolean, is_used boolean, lacking bigint
WITH used AS (
  UPDATE signing_key k SET state = :KEY_SIGNING, signing_at = now(), actor = :actor, reason = :reason
  WHERE k.id = :id AND k.state = :KEY_OFFERED
  RETURNING k.id
)
SELECT EXISTS (SELECT FROM signing_key WHERE id = :id) AS is_known, EXISTS (SELECT FROM used) AS is_used,
       (SELECT count(*) FROM device_in_service d WHERE d.trusted_keys IS NULL OR NOT :id = ANY (d.trusted_keys)) AS lacking
