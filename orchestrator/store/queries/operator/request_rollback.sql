-- Writes a rollback request of :actor with reason :reason for rollout :rollout. Returns the number of devices that the
-- rollback will take back.
-- parameters: rollout bigint, actor text, reason text
-- row: devices bigint
UPDATE rollout
SET rollback_wanted_by = :actor, rollback_reason = :reason, rollback_wanted_at = now()
WHERE id = :rollout
RETURNING devices_to_take_back(:rollout) AS devices
