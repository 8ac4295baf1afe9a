-- parameters: rollout bigint
-- row: content text
SELECT shared_claims AS content FROM rollout WHERE id = :rollout
