-- Stores the counts :seen of rollout :rollout, one for each abort criterion in the order of the plan: the count at
-- which an operator resumed the rollout. 0: the criterion never fired.
-- parameters: rollout bigint, seen bigint[]
UPDATE rollout SET abort_seen = :seen WHERE id = :rollout
