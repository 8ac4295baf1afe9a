-- How many machines the branches have that this import touched.
UPDATE branch b
SET machines = c.machines
FROM (SELECT t.branch, count(d.id) AS machines
      FROM imported_touched t
      LEFT JOIN device d ON d.branch = t.branch AND d.role <> 'node'
      GROUP BY t.branch) c
WHERE b.id = c.branch AND b.machines <> c.machines
