-- Counts the freezes in force and those of them that are overdue, and finds the one that is overdue for the longest time.
-- row: in_force bigint, overdue bigint, freeze bigint null, frozen_by text null, until text null
SELECT c.in_force, c.overdue, l.id AS freeze, l.frozen_by, rfc3339(l.until) AS until
FROM (SELECT count(*) AS in_force, count(*) FILTER (WHERE until <= now()) AS overdue FROM freeze_order WHERE lifted_at IS NULL) c
LEFT JOIN LATERAL (SELECT id, frozen_by, until FROM freeze_order
                   WHERE lifted_at IS NULL AND until <= now()
                   ORDER BY until, id
                   LIMIT 1) l ON true
