-- Updates the number of machines of each branch that this import changes.
UPDATE branch b
SET machines = c.machines
FROM (SELECT t.branch, count(d.id) AS machines
      FROM imported_touched t
      LEFT JOIN device d ON d.branch = t.branch AND d.role <> :ROLE_NODE AND d.retired_at IS NULL
      GROUP BY t.branch) c
WHERE b.id = c.branch AND b.machines <> c.machines
