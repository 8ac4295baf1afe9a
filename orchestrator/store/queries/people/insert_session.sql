-- Creates session :id with SHA-256 :digest for :person, who signed in as :alias from :address, with the :roles of its groups; it
-- expires after :valid_s. Ends sessions that have expired, and those of the person beyond the last :most.
-- parameters: id text, digest text, person text, alias text, roles text, address text, valid_s bigint, most bigint
-- row: expires_at text
WITH ended AS (
  DELETE FROM session s
  WHERE s.expires_at <= now()
     OR s.id IN (SELECT o.id FROM session o WHERE o.person = :person ORDER BY o.created_at DESC, o.id OFFSET :most - 1)
)
INSERT INTO session (id, digest, person, alias, roles, created_from, expires_at)
VALUES (:id, :digest, :person, :alias, :roles, :address, now() + :valid_s * interval '1 s')
RETURNING rfc3339(expires_at) AS expires_at
