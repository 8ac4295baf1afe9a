-- Writes the approval (:approved) or rejection of digest :digest of rollout :rollout, group :group_no (0: the whole
-- rollout), by :actor with reason :reason. It replaces an earlier decision of the same person.
-- parameters: rollout bigint, group_no bigint, digest text, actor text, approved boolean, reason text
WITH archived AS (
  INSERT INTO approval_voided (rollout_id, group_no, digest, actor, approved, reason, at, because)
  SELECT rollout_id, group_no, digest, actor, approved, reason, at, 'the same person said something else later'
  FROM approval
  WHERE rollout_id = :rollout AND group_no = :group_no AND digest = :digest AND actor = :actor
)
INSERT INTO approval (rollout_id, group_no, digest, actor, approved, reason, at)
VALUES (:rollout, :group_no, :digest, :actor, :approved, :reason, clock_timestamp())
ON CONFLICT (rollout_id, group_no, digest, actor)
DO UPDATE SET approved = excluded.approved, reason = excluded.reason, at = excluded.at
