-- Makes the conductor look again at the waiting instructions of rollouts with exclusions of a scope, since labels change: also one
-- of the version before, which compares no imports.
UPDATE exclusion
SET is_whole = false, seen_group = 0, seen_due_at = '-infinity', seen_instruction = 0
WHERE device IS NULL AND (is_whole OR seen_instruction <> 0)
