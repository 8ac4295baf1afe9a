-- Unblocks what block :id blocks.
-- parameters: id bigint, actor text, reason text
UPDATE artifact_block SET unblocked_by = :actor, unblocked_reason = :reason, unblocked_at = now() WHERE id = :id
