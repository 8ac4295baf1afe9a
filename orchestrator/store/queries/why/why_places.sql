-- Reads the places of the branches :branches and of the devices :devices, which have none: their machines (0: of a device).
-- parameters: branches text[], devices text[]
-- row: place text, is_branch boolean, machines integer, now_ms bigint, now_text text
SELECT b.id AS place, true AS is_branch, b.machines, epoch_ms(now()) AS now_ms, time_told(now(), b.zone) AS now_text
FROM branch b
WHERE b.id = ANY (:branches)
UNION ALL
SELECT d.id, false, 0, epoch_ms(now()), time_told(now(), coalesce(d.zone, 'UTC'))
FROM device d
WHERE d.id = ANY (:devices) AND d.branch IS NULL
