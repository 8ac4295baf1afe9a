-- An orchestrator's role creates no tables and owns none. What an import needs of both, these functions do, with the rights
-- of the owner and for the roles that may call them (queries/database/grant_rights.sql).

-- Creates the temporary tables of an import, once in a session. PostgreSQL empties them at the end of each transaction.
-- imported_branch and imported_device have the rows of the file, with their lines; imported_touched and imported_moved
-- have what import_touched and import_moved found.
CREATE FUNCTION make_import_tables() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass('pg_temp.imported_branch') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TEMPORARY TABLE imported_branch (
    line integer NOT NULL, id text COLLATE "C" NOT NULL, name text NOT NULL, zone text NOT NULL, labels jsonb NOT NULL
  ) ON COMMIT DELETE ROWS;
  CREATE TEMPORARY TABLE imported_device (
    line integer NOT NULL, id text COLLATE "C" NOT NULL, branch text COLLATE "C", role text NOT NULL, zone text,
    model text NOT NULL, labels jsonb NOT NULL, versions jsonb NOT NULL
  ) ON COMMIT DELETE ROWS;
  CREATE TEMPORARY TABLE imported_touched (branch text COLLATE "C" NOT NULL) ON COMMIT DELETE ROWS;
  CREATE TEMPORARY TABLE imported_moved (device text COLLATE "C" NOT NULL) ON COMMIT DELETE ROWS;
  EXECUTE format('GRANT SELECT, INSERT ON imported_branch, imported_device, imported_touched, imported_moved TO %I',
                 session_user);
END
$$;

-- Collect the query planner's statistics: of the imported rows, and of the fleet.
CREATE FUNCTION analyze_import() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  ANALYZE imported_branch, imported_device;
END
$$;
CREATE FUNCTION analyze_fleet() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  ANALYZE branch, device;
END
$$;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION analyze_fleet() SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION make_import_tables(), analyze_import(), analyze_fleet() FROM PUBLIC;
