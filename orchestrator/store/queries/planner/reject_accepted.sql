-- Rejects rollout :rollout, if it is accepted and still has version :version, since it cannot be planned for :reason.
-- parameters: rollout bigint, version bigint, reason text
WITH rejected AS (
  UPDATE rollout
  SET state = :ROLLOUT_REJECTED, version = version + 1, detail = :reason, ended_at = now()
  WHERE id = :rollout AND version = :version AND state = :ROLLOUT_ACCEPTED
  RETURNING id, digest
)
INSERT INTO rollout_event (rollout_id, kind, actor, reason, digest)
SELECT id, :KIND_REJECTED, :ACTOR_TELLERCAST, :reason, digest FROM rejected
