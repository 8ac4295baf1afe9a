-- Revokes the key :id for :actor with reason :reason. A key without which no other would be left, or devices in service
-- could not be told any more, is revoked only if :allow_last. `is_revoked`: now; `was_revoked`: before; `untold`: devices
-- that trust no other key that is left. A device that never named its keys counts as one with the oldest that signed.
-- parameters: id text, actor text, reason text, allow_last boolean
-- row: is_known boolean, was_revoked boolean, is_revoked boolean, is_last boolean, trusting bigint, untold bigint
WITH live AS MATERIALIZED (
  SELECT id, state, rotation FROM signing_key WHERE state IN (:KEY_OFFERED, :KEY_SIGNING, :KEY_RETIRING)
), other AS MATERIALIZED (
  SELECT coalesce(array_agg(l.id), '{}') AS keys FROM live l WHERE l.id <> :id
), initial AS MATERIALIZED (
  SELECT coalesce(array_agg(l.id), '{}') AS keys FROM live l
  WHERE l.state <> :KEY_OFFERED AND l.rotation = (SELECT min(f.rotation) FROM live f WHERE f.state <> :KEY_OFFERED)
), counted AS MATERIALIZED (
  SELECT count(*) FILTER (WHERE :id = ANY (d.trusted_keys)) AS trusting,
         count(*) FILTER (WHERE EXISTS (SELECT FROM live l WHERE l.id = :id) AND :id = ANY (coalesce(d.trusted_keys, i.keys))
                          AND NOT coalesce(d.trusted_keys, i.keys) && o.keys) AS untold
  FROM device_in_service d, initial i, other o
), revoked AS (
  UPDATE signing_key k SET state = :KEY_REVOKED, removed_at = now(), actor = :actor, reason = :reason
  FROM counted c, other o
  WHERE k.id = :id AND k.state <> :KEY_REVOKED
    AND (:allow_last OR k.state = :KEY_RETIRED OR (o.keys <> '{}' AND c.untold = 0))
  RETURNING k.id
)
SELECT EXISTS (SELECT FROM signing_key WHERE id = :id) AS is_known,
       EXISTS (SELECT FROM signing_key WHERE id = :id AND state = :KEY_REVOKED) AS was_revoked,
       EXISTS (SELECT FROM revoked) AS is_revoked, o.keys = '{}' AS is_last, c.trusting, c.untold
FROM counted c, other o
