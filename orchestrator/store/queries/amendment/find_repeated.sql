-- Finds the amendment that :author ordered at version :version of rollout :rollout for reason :reason, if it is of this kind
-- and subject, and changes to :after; null: to anything.
-- parameters: rollout bigint, version bigint, author text, reason text, kind text, subject text, after text
-- row: number integer, state text, digest text
SELECT number, state, digest
FROM amendment
WHERE rollout_id = :rollout AND version = :version AND author = :author AND reason = :reason AND kind = :kind AND subject = :subject
  AND (:after::jsonb IS NULL OR after = :after::jsonb)
