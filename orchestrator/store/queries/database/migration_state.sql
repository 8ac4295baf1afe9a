-- Tells whether the table of migrations exists, whether this role may read it, and whether this role may migrate: it is
-- a member of the table's owner, or may create tables where there is none yet.
-- row: is_there boolean, may_read boolean, may_migrate boolean, role text
SELECT c.oid IS NOT NULL AS is_there,
       coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS may_read,
       coalesce(CASE WHEN c.oid IS NULL THEN has_schema_privilege(current_schema(), 'CREATE')
                     ELSE pg_has_role(c.relowner, 'MEMBER') END, false) AS may_migrate,
       current_user::text AS role
FROM (VALUES (to_regclass('migration'))) t (table_oid)
LEFT JOIN pg_class c ON c.oid = t.table_oid
