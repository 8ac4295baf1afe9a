-- Opens the review of what :actor did alone with rollout :rollout, for :reason. :ordered_by: who had ordered the resume
-- (null: nobody).
-- parameters: rollout bigint, digest text, actor text, reason text, ordered_by text
INSERT INTO review (rollout_id, digest, actor, reason, ordered_by, at, due_at)
SELECT :rollout, :digest, :actor, :reason, :ordered_by, t.at, t.at + policy_review_within()
FROM (SELECT clock_timestamp() AS at OFFSET 0) t
