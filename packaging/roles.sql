-- The three roles of a Tellercast database. A superuser runs this with psql in the database, which may be new or in use:
--
--   psql --dbname=tellercast --file=roles.sql
--
--   tellercast_migrate  owns the database and all that is in it; "tellercastd migrate" uses it
--   tellercast_run      reads, and writes what an orchestrator writes; tellercastd uses it
--   tellercast_read     reads; for reports
--
-- With --set=whole_server=yes the server has nothing but Tellercast: then its other databases let only superusers and
-- their owners in. PostgreSQL lets every role in by default, to read the catalogues and to fill the disk with temporary tables.
--
-- Then run "tellercastd migrate", which brings the tables to its version and grants the rights. Both can be repeated.
-- Roles belong to the whole server. They have no password: set one with \password, or use peer or certificates.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['tellercast_migrate', 'tellercast_run', 'tellercast_read']) name
WHERE to_regrole(name) IS NULL
\gexec

-- Roles that own tables now keep their rights as members of the new owner, for orchestrators that are at work with them.
-- Once none is, take them away: REVOKE tellercast_migrate FROM …
SELECT DISTINCT format('GRANT tellercast_migrate TO %I', r.rolname)
FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.relnamespace = current_schema()::regnamespace AND NOT r.rolsuper AND r.rolname <> 'tellercast_migrate'
\gexec

SELECT format('ALTER DATABASE %I OWNER TO tellercast_migrate', current_database()),
       format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()),
       format('GRANT CONNECT ON DATABASE %I TO tellercast_run, tellercast_read', current_database()),
       format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema()),
       format('GRANT ALL ON SCHEMA %I TO tellercast_migrate', current_schema()),
       format('GRANT USAGE ON SCHEMA %I TO tellercast_run, tellercast_read', current_schema())
\gexec

\if :{?whole_server}
\else
\set whole_server no
\endif
\if :whole_server
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database WHERE datname <> current_database()
\gexec
\endif

-- One object at a time, each in a transaction of its own. A session that waits for a table's lock makes all later ones
-- wait, so this gives way after a moment and tries again.
SET lock_timeout = '300ms';
DO $$
DECLARE
  change text;
BEGIN
  FOR change IN
    SELECT format('ALTER %s %I.%I OWNER TO tellercast_migrate',
                  CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, current_schema(), c.relname)
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v')
      AND c.relowner <> 'tellercast_migrate'::regrole
      AND NOT EXISTS (SELECT FROM pg_depend d -- a column's sequence goes with its table
                      WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                        AND d.refclassid = 'pg_class'::regclass)
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO tellercast_migrate', p.oid::regprocedure)
    FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proowner <> 'tellercast_migrate'::regrole
  LOOP
    LOOP
      BEGIN
        EXECUTE change;
        EXIT;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        PERFORM pg_sleep(0.1);
      END;
    END LOOP;
    COMMIT;
  END LOOP;
END
$$;
