-- All that only the database can tell is wrong with an imported fleet, by line: at most $1, and how many there are.
WITH known AS MATERIALIZED (
  SELECT name FROM pg_timezone_names
  WHERE EXISTS (SELECT FROM imported_branch) OR EXISTS (SELECT FROM imported_device WHERE zone IS NOT NULL)
)
SELECT line, path, detail, count(*) OVER () AS total FROM (
  SELECT line, 'zone' AS path, format('found "%s", allowed: an IANA time zone, as "Europe/Berlin"', zone) AS detail
  FROM imported_branch WHERE zone NOT IN (SELECT name FROM known)
  UNION ALL
  SELECT line, 'zone', format('found "%s", allowed: an IANA time zone, as "Europe/Berlin"', zone)
  FROM imported_device WHERE zone IS NOT NULL AND zone NOT IN (SELECT name FROM known)
  UNION ALL
  SELECT line, 'branch', format('found "%s", allowed: a branch of this file or of the fleet', branch)
  FROM imported_device i
  WHERE branch IS NOT NULL AND NOT EXISTS (SELECT FROM imported_branch b WHERE b.id = i.branch)
    AND NOT EXISTS (SELECT FROM branch b WHERE b.id = i.branch)
  UNION ALL
  SELECT i.line, CASE WHEN d.role <> i.role THEN 'role' ELSE 'branch' END,
         format('device "%s" has an instruction in flight and cannot change its branch or role now', i.id)
  FROM imported_device i JOIN device d ON d.id = i.id
  WHERE (d.branch IS DISTINCT FROM i.branch OR d.role <> i.role)
    AND EXISTS (SELECT FROM instruction f WHERE f.device = d.id AND f.in_flight)
) f
ORDER BY line
LIMIT $1
