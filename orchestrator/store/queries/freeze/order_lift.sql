-- Orders to lift freeze :freeze; another person must confirm it.
-- parameters: freeze bigint, actor text, reason text
UPDATE freeze_order SET lift_ordered_by = :actor, lift_reason = :reason, lift_ordered_at = now() WHERE id = :freeze
