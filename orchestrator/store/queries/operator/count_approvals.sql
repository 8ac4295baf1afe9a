-- Counts the people who approved digest :digest of rollout :rollout since its last revision.
-- parameters: rollout bigint, digest text
-- row: approvals bigint
SELECT count(DISTINCT acting_person(actor)) AS approvals
FROM approval
WHERE rollout_id = :rollout AND group_no = 0 AND digest = :digest AND approved
  AND at > coalesce((SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = :rollout AND e.kind = :KIND_REVISED), '-infinity')
