-- Promotes group :group_no of rollout :rollout past its silent devices: dispatched or answered without a report since,
-- timed out, or waiting for another attempt after they were silent; and past those that deferred: waiting for another
-- attempt after that, or failed since they deferred too often. Does not pass devices that started to install and
-- were not heard of again: they are out of service. Reopens a group that was not reached. Returns the number of devices
-- that it passed.
-- parameters: rollout bigint, group_no bigint
-- row: silent bigint
WITH silent AS (
  INSERT INTO promoted_past (rollout_id, group_no, instruction_id)
  SELECT i.rollout_id, i.group_no, i.id
  FROM instruction i
  WHERE i.rollout_id = :rollout AND i.group_no = :group_no
    AND (i.state IN (:DISPATCHED, :SENT)
         OR i.state IN (:CREATED, :TIMED_OUT) AND i.code IN (:CODE_NOT_ASKED, :CODE_NODE_SILENT, :CODE_DEVICE_SILENT, :CODE_ATM_SILENT, :CODE_NOT_INSTALLING,
                                                         :CODE_NODE_OFFLINE, :CODE_DEVICE_OFFLINE)
         OR i.state = :FAILED AND i.code = :CODE_DEFERRED_TOO_OFTEN
         OR i.state = :CREATED AND (i.attempt > 1 OR i.substate = :DEFERRED) AND last_attempt_deferred(i))
  ON CONFLICT DO NOTHING
  RETURNING instruction_id
), opened AS (
  UPDATE rollout_group SET state = :GROUP_OPEN, ended_at = NULL
  WHERE rollout_id = :rollout AND group_no = :group_no AND state = :GROUP_NOT_REACHED AND EXISTS (SELECT FROM silent)
)
SELECT count(*) AS silent FROM silent
