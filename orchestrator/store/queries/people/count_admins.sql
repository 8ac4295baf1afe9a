-- Counts the admins without a scope other than :besides: all that are not disabled, and those of them who have a token.
-- parameters: besides text
-- row: admins bigint, with_token bigint
SELECT count(*) AS admins,
       count(*) FILTER (WHERE EXISTS (SELECT FROM token t
                                      WHERE t.person = p.name AND t.confirmed_at IS NOT NULL AND t.revoked_at IS NULL
                                        AND t.expires_at > now())) AS with_token
FROM person_role r
JOIN person p ON p.name = r.person
WHERE r.role = :PERSON_ADMIN AND r.scope = '{}' AND r.confirmed_at IS NOT NULL AND p.disabled_at IS NULL AND p.name <> :besides
