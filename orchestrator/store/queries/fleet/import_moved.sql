-- Lists the devices whose branch or role this import will change. Runs before the merge.
INSERT INTO imported_moved (device)
SELECT d.id
FROM imported_device i JOIN device d ON d.id = i.id
WHERE d.branch IS DISTINCT FROM i.branch OR d.role <> i.role
