-- Creates token :id with SHA-256 :digest for :person, ordered by :actor; it expires after :valid_s. :is_confirmed: it counts
-- from now on. A digest that is there already changes nothing, and gives no row.
-- parameters: id text, person text, digest text, actor text, valid_s bigint, is_confirmed boolean
-- row: expires_at text
INSERT INTO token (id, person, digest, created_by, expires_at, confirmed_at, confirmed_by)
VALUES (:id, :person, :digest, :actor, now() + :valid_s * interval '1 s', CASE WHEN :is_confirmed::boolean THEN now() END,
        CASE WHEN :is_confirmed THEN :actor::text END)
ON CONFLICT (digest) DO NOTHING
RETURNING rfc3339(expires_at) AS expires_at
