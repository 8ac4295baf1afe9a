-- Finds what :person has of role :role in scope :scope: the grant of it, with who ordered it (null: there is none), and whether
-- a confirmed grant of a wider scope covers it; `is_admin_everywhere`: that is a grant of the role admin without a scope.
-- parameters: person text, role text, scope text
-- row: granted_by text null, is_confirmed boolean, is_covered boolean, is_admin_everywhere boolean
SELECT max(r.granted_by) FILTER (WHERE r.scope = :scope::jsonb) AS granted_by,
       coalesce(bool_or(r.confirmed_at IS NOT NULL) FILTER (WHERE r.scope = :scope::jsonb), false) AS is_confirmed,
       coalesce(bool_or(r.confirmed_at IS NOT NULL AND r.scope <> :scope::jsonb AND scope_covers(r.scope, :scope::jsonb)), false)
         AS is_covered,
       coalesce(bool_or(r.confirmed_at IS NOT NULL AND r.scope = '{}' AND r.role = :PERSON_ADMIN), false) AS is_admin_everywhere
FROM person_role r
WHERE r.person = :person AND r.role = :role
