-- Opens the review of what :actor did alone with rollout :rollout, for :reason: a resume after an abort (:is_resume), or the start.
-- :ordered_by: who had ordered the resume (null: nobody).
-- parameters: rollout bigint, digest text, actor text, reason text, is_resume boolean, ordered_by text
INSERT INTO review (rollout_id, digest, actor, reason, is_resume, ordered_by, at, due_at)
SELECT :rollout, :digest, :actor, :reason, :is_resume, :ordered_by, t.at, t.at + policy_review_within()
FROM (SELECT clock_timestamp() AS at OFFSET 0) t
