-- Reads the faults of an imported fleet that only the database can find, by line: at most :most, and their total.
-- `finding` is one of enum fleet_finding_kind; `name` and `first_line` are its facts.
-- parameters: most bigint
-- row: line integer, path text, finding text, name text, first_line integer, total bigint
WITH known AS MATERIALIZED (
  SELECT name FROM pg_timezone_names
  WHERE EXISTS (SELECT FROM imported_branch) OR EXISTS (SELECT FROM imported_device WHERE zone IS NOT NULL)
)
SELECT line, path, finding, name, first_line, count(*) OVER () AS total FROM (
  SELECT line, 'zone' AS path, 'zone_unknown' AS finding, zone AS name, 0 AS first_line
  FROM imported_branch WHERE zone NOT IN (SELECT name FROM known)
  UNION ALL
  SELECT line, 'zone', 'zone_unknown', zone, 0
  FROM imported_device WHERE zone IS NOT NULL AND zone NOT IN (SELECT name FROM known)
  UNION ALL
  -- The reader of the file finds these, except in a very long one.
  SELECT line, 'id', 'branch_twice', id, first_line
  FROM (SELECT id, line, first_value(line) OVER same AS first_line, row_number() OVER same AS nth
        FROM imported_branch WINDOW same AS (PARTITION BY id ORDER BY line)) r
  WHERE nth > 1
  UNION ALL
  SELECT line, 'id', 'device_twice', id, first_line
  FROM (SELECT id, line, first_value(line) OVER same AS first_line, row_number() OVER same AS nth
        FROM imported_device WINDOW same AS (PARTITION BY id ORDER BY line)) r
  WHERE nth > 1
  UNION ALL
  SELECT d.line, 'id', 'id_of_branch', d.id, 0
  FROM imported_device d JOIN imported_branch b ON b.id = d.id
  WHERE d.role <> :ROLE_NODE
  UNION ALL
  SELECT line, 'branch', 'branch_unknown', branch, 0
  FROM imported_device i
  WHERE branch IS NOT NULL AND NOT EXISTS (SELECT FROM imported_branch b WHERE b.id = i.branch)
    AND NOT EXISTS (SELECT FROM branch b WHERE b.id = i.branch)
  UNION ALL
  SELECT i.line, CASE WHEN d.role <> i.role THEN 'role' ELSE 'branch' END,
         'in_flight', i.id, 0
  FROM imported_device i JOIN device d ON d.id = i.id
  WHERE (d.branch IS DISTINCT FROM i.branch OR d.role <> i.role)
    AND EXISTS (SELECT FROM instruction f WHERE f.device = d.id AND f.in_flight)
  UNION ALL
  SELECT i.line, 'id', 'retired', i.id, 0
  FROM imported_device i JOIN device d ON d.id = i.id
  WHERE d.retired_at IS NOT NULL
) f
ORDER BY line
LIMIT :most
