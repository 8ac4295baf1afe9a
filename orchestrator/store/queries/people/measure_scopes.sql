-- Measures the lines in which orchestrators know the roles of :person in scopes, with those that wait for a second admin.
-- parameters: person text
-- row: bytes bigint
SELECT coalesce(sum(octet_length(r.role || ' ' || p.pattern::text) + 1), 0)::bigint AS bytes
FROM person_role r, scope_patterns(r.scope) AS p(pattern)
WHERE r.person = :person AND r.scope <> '{}'
