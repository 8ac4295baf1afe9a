-- The devices that this import moves to another branch, or gives another role; before it is done.
INSERT INTO imported_moved (device)
SELECT d.id
FROM imported_device i JOIN device d ON d.id = i.id
WHERE d.branch IS DISTINCT FROM i.branch OR d.role <> i.role
