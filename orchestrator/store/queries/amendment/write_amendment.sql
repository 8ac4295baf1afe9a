-- Writes an amendment of rollout :rollout, which is locked, with the next number and in state :state: what :author ordered with
-- reason :reason at version :version of the rollout. :before and :after are JSON.
-- parameters: rollout bigint, kind text, subject text, before text, after text, is_loosening boolean, plan_digest text,
--   digest text, version bigint, author text, reason text, approvals_required bigint, state text
-- row: number integer
INSERT INTO amendment (rollout_id, number, kind, subject, before, after, is_loosening, plan_digest, digest, version, author, reason,
                       at, approvals_required, state, decided_at)
SELECT :rollout, coalesce(max(a.number), 0) + 1, :kind, :subject, :before::jsonb, :after::jsonb, :is_loosening::boolean, :plan_digest,
       :digest, :version, :author, :reason, clock_timestamp(), :approvals_required::smallint, :state,
       CASE WHEN :state <> :AMENDMENT_AWAITING_APPROVAL THEN clock_timestamp() END
FROM amendment a
WHERE a.rollout_id = :rollout
RETURNING number
