-- The branches that gain or lose devices by this import; before it is done, while devices are where they were.
INSERT INTO imported_touched (branch)
SELECT branch FROM imported_device WHERE branch IS NOT NULL
UNION
SELECT d.branch
FROM imported_device i JOIN device d ON d.id = i.id
WHERE d.branch IS NOT NULL AND d.branch IS DISTINCT FROM i.branch
