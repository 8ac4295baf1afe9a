-- Merges the imported devices. Versions in the file overwrite known ones; versions that the device reported stay if the
-- file has none. :version: of the directory, from now on.
-- parameters: version bigint
-- row: merged.*
WITH changed AS (
  INSERT INTO device AS d (id, branch, role, zone, model, labels, versions, directory_version)
  SELECT id, branch, role, zone, model, labels, versions, :version FROM imported_device ORDER BY id
  ON CONFLICT (id) DO UPDATE
    SET branch = excluded.branch, role = excluded.role, zone = excluded.zone, model = excluded.model,
        labels = excluded.labels, versions = d.versions || excluded.versions,
        directory_version = CASE WHEN (d.branch, d.role) IS DISTINCT FROM (excluded.branch, excluded.role)
                              THEN excluded.directory_version ELSE d.directory_version END
    WHERE (d.branch, d.role, d.zone, d.model, d.labels) IS DISTINCT FROM
          (excluded.branch, excluded.role, excluded.zone, excluded.model, excluded.labels)
       OR NOT d.versions @> excluded.versions
  RETURNING xmax = 0 AS added
)
SELECT count(*) FILTER (WHERE added) AS added, count(*) FILTER (WHERE NOT added) AS changed,
       (SELECT count(*) FROM imported_device) AS total
FROM changed
