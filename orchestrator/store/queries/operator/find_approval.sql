-- Finds the decision of :actor on digest :digest of rollout :rollout, group :group_no (0: the whole rollout). A
-- revision voids earlier decisions, even if a later one restores the same plan.
-- parameters: rollout bigint, group_no bigint, digest text, actor text
-- row: approved boolean, reason text, at text
SELECT approved, reason, rfc3339(at) AS at
FROM approval
WHERE rollout_id = :rollout AND group_no = :group_no AND digest = :digest AND acting_person(actor) = :actor
  AND at > coalesce((SELECT max(e.at) FROM rollout_event e WHERE e.rollout_id = :rollout AND e.kind = :KIND_REVISED), '-infinity')
