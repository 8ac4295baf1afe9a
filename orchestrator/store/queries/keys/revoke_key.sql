-- Revokes the key :id for :actor with reason :reason. A key without which no other would be left is revoked only if
-- :allow_last. `is_revoked`: now; `was_revoked`: before.
-- parameters: id text, actor text, reason text, allow_last boolean
-- row: is_known boolean, was_revoked boolean, is_revoked boolean, trusting bigint
WITH revoked AS (
  UPDATE signing_key k SET state = :KEY_REVOKED, removed_at = now(), actor = :actor, reason = :reason
  WHERE k.id = :id AND k.state <> :KEY_REVOKED
    AND (:allow_last OR k.state = :KEY_RETIRED
         OR EXISTS (SELECT FROM signing_key o WHERE o.id <> :id AND o.state IN (:KEY_OFFERED, :KEY_SIGNING, :KEY_RETIRING)))
  RETURNING k.id
)
SELECT EXISTS (SELECT FROM signing_key WHERE id = :id) AS is_known,
       EXISTS (SELECT FROM signing_key WHERE id = :id AND state = :KEY_REVOKED) AS was_revoked,
       EXISTS (SELECT FROM revoked) AS is_revoked,
       (SELECT count(*) FROM device_in_service d WHERE :id = ANY (d.trusted_keys)) AS trusting
