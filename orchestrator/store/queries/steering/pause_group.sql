-- Pauses group :name of rollout :rollout for :actor; with :resumes it goes on instead. No row: it was so already.
-- parameters: rollout bigint, name text, resumes boolean, actor text, reason text
-- row: group_no smallint
UPDATE rollout_group
SET paused_at = CASE WHEN NOT :resumes::boolean THEN now() END,
    paused_by = CASE WHEN NOT :resumes::boolean THEN :actor END,
    paused_reason = CASE WHEN NOT :resumes::boolean THEN :reason END
WHERE rollout_id = :rollout AND name = :name AND (paused_at IS NULL) = NOT :resumes::boolean
RETURNING group_no
