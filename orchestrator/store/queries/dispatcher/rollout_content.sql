-- Reads the content that all signed instructions of rollout :rollout have in common. No row: there is no such rollout.
-- parameters: rollout bigint
-- row: content text
SELECT shared_claims AS content FROM rollout WHERE id = :rollout
