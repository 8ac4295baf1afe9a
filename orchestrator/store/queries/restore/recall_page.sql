-- Lists at most :most devices of branches, in the order of branch and device after (:after_branch, :after_device), that
-- have not answered the recall of epoch :epoch and may be able to.
-- parameters: after_branch text, after_device text, epoch bigint, most bigint
-- row: device text, branch text, node boolean
SELECT id AS device, branch, role = :ROLE_NODE AS node
FROM device
WHERE branch IS NOT NULL AND (branch, id) > (:after_branch, :after_device) AND recalled < :epoch AND NOT recall_unable
ORDER BY branch, id
LIMIT :most
