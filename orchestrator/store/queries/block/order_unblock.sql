-- Orders to unblock what block :id blocks; another person must confirm it.
-- parameters: id bigint, actor text, reason text
UPDATE artifact_block SET unblock_ordered_by = :actor, unblock_reason = :reason, unblock_ordered_at = now() WHERE id = :id
