-- Creates token :id with SHA-256 :digest for :person, ordered by :actor; it expires after :valid_s. :is_confirmed: it counts
-- from now on. A digest that is there already changes nothing, and gives no row. Deletes tokens of the person that have been
-- revoked or expired for :kept_days; one of a file stays, since the file could be taken over again by another orchestrator.
-- parameters: id text, person text, digest text, actor text, valid_s bigint, is_confirmed boolean, kept_days bigint
-- row: expires_at text
WITH forgotten AS (
  DELETE FROM token
  WHERE person = :person AND created_by <> :ACTOR_TELLERCAST
    AND least(revoked_at, expires_at) < now() - :kept_days * interval '1 day'
)
INSERT INTO token (id, person, digest, created_by, expires_at, confirmed_at, confirmed_by)
VALUES (:id, :person, :digest, :actor, now() + :valid_s * interval '1 s', CASE WHEN :is_confirmed::boolean THEN now() END,
        CASE WHEN :is_confirmed THEN :actor::text END)
ON CONFLICT (digest) DO NOTHING
RETURNING rfc3339(expires_at) AS expires_at
