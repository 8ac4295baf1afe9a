-- Finds the reason for which the author of amendment :number of rollout :rollout withdrew it.
-- parameters: rollout bigint, number bigint
-- row: reason text
SELECT e.reason
FROM rollout_event e
WHERE e.rollout_id = :rollout AND e.kind = :KIND_AMENDMENT_WITHDRAWN AND e.amendment = :number::integer
