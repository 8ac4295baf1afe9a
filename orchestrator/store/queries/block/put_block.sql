-- Blocks artifact :name in version :version for :actor with reason :reason. If it is blocked and an order to unblock it
-- waits, drops that order. No row: it is blocked, and no order waits.
-- parameters: name text, version text, actor text, reason text
-- row: id bigint
INSERT INTO artifact_block AS b (name, version, blocked_by, reason)
VALUES (:name, :version, :actor, :reason)
ON CONFLICT (name, version) WHERE unblocked_at IS NULL
DO UPDATE SET unblock_ordered_by = NULL, unblock_reason = NULL, unblock_ordered_at = NULL
WHERE b.unblock_ordered_by IS NOT NULL
RETURNING b.id
