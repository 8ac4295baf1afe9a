-- Ends the grants of role :role to :person whose scopes cover :scope, which is granted now.
-- parameters: person text, role text, scope text
DELETE FROM person_role
WHERE person = :person AND role = :role AND confirmed_at IS NOT NULL AND scope <> :scope::jsonb
  AND scope_covers(scope, :scope::jsonb)
