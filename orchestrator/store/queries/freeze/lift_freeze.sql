-- Lifts freeze :freeze, and records that with each rollout that it touched and that has not ended.
-- parameters: freeze bigint, actor text, reason text
WITH lifted AS (
  UPDATE freeze_order SET lifted_by = :actor, lifted_reason = :reason, lifted_at = statement_timestamp()
  WHERE id = :freeze
  RETURNING *
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason, at)
SELECT r.id, :KIND_FREEZE_LIFTED, :actor, freeze_words(f) || ': ' || :reason, clock_timestamp()
FROM lifted f
JOIN frozen_rollout t ON t.freeze_id = f.id AND cardinality(t.groups) > 0
JOIN rollout r ON r.id = t.rollout_id AND r.ended_at IS NULL
ORDER BY r.id
