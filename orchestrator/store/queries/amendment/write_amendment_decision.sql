-- Writes what :actor decided about amendment :number of rollout :rollout, with reason :reason. It replaces an earlier decision.
-- parameters: rollout bigint, number bigint, actor text, approved boolean, reason text
INSERT INTO amendment_decision (rollout_id, number, actor, approved, reason, at)
VALUES (:rollout, :number::integer, :actor, :approved, :reason, clock_timestamp())
ON CONFLICT (rollout_id, number, actor) DO UPDATE SET approved = excluded.approved, reason = excluded.reason, at = excluded.at
