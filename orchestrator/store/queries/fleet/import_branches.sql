-- Merges the imported branches: inserts new ones and updates those that differ. Locks rows in the order of their IDs,
-- so that two imports never deadlock. Runs before import_devices, since devices refer to branches.
-- row: merged.*
WITH changed AS (
  INSERT INTO branch AS b (id, name, zone, labels)
  SELECT id, name, zone, labels FROM imported_branch ORDER BY id
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, zone = excluded.zone, labels = excluded.labels
    WHERE (b.name, b.zone, b.labels) IS DISTINCT FROM (excluded.name, excluded.zone, excluded.labels)
  RETURNING xmax = 0 AS added
)
SELECT count(*) FILTER (WHERE added) AS added, count(*) FILTER (WHERE NOT added) AS changed,
       (SELECT count(*) FROM imported_branch) AS total
FROM changed
