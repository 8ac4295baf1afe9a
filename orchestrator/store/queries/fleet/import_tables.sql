-- Creates the temporary tables of an import, once in a session. PostgreSQL empties them at the end of each transaction.
-- imported_branch and imported_device have the rows of the file, with their lines; imported_touched and imported_moved
-- have what import_touched and import_moved found.
-- script
DO $$
BEGIN
  IF to_regclass('pg_temp.imported_branch') IS NULL THEN
    CREATE TEMPORARY TABLE imported_branch (
      line integer NOT NULL, id text COLLATE "C" NOT NULL, name text NOT NULL, zone text NOT NULL,
      labels jsonb NOT NULL
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE imported_device (
      line integer NOT NULL, id text COLLATE "C" NOT NULL, branch text COLLATE "C", role text NOT NULL, zone text,
      model text NOT NULL, labels jsonb NOT NULL, versions jsonb NOT NULL
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE imported_touched (branch text COLLATE "C" NOT NULL) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE imported_moved (device text COLLATE "C" NOT NULL) ON COMMIT DELETE ROWS;
  END IF;
END
$$
