-- Lists the branches that this import adds devices to or removes them from. Runs before the merge.
INSERT INTO imported_touched (branch)
SELECT branch FROM imported_device WHERE branch IS NOT NULL
UNION
SELECT d.branch
FROM imported_device i JOIN device d ON d.id = i.id
WHERE d.branch IS NOT NULL AND d.branch IS DISTINCT FROM i.branch
