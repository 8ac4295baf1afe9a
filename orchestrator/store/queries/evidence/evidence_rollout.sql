-- Reads the plan and the seed of rollout :rollout.
-- parameters: rollout bigint
-- row: plan text, seed bigint
SELECT plan::text, rollout_seed(name) AS seed FROM rollout WHERE id = :rollout
