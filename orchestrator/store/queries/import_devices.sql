-- Versions that the file knows are put over those known; what a device itself said stays if the file says nothing.
WITH changed AS (
  INSERT INTO device AS d (id, branch, role, zone, model, labels, versions)
  SELECT id, branch, role, zone, model, labels, versions FROM imported_device ORDER BY id
  ON CONFLICT (id) DO UPDATE
    SET branch = excluded.branch, role = excluded.role, zone = excluded.zone, model = excluded.model,
        labels = excluded.labels, versions = d.versions || excluded.versions
    WHERE (d.branch, d.role, d.zone, d.model, d.labels) IS DISTINCT FROM
          (excluded.branch, excluded.role, excluded.zone, excluded.model, excluded.labels)
       OR NOT d.versions @> excluded.versions
  RETURNING xmax = 0 AS added
)
SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added), (SELECT count(*) FROM imported_device)
FROM changed
