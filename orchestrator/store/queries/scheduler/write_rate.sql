-- Stores the ring of starts by second of rollout :rollout: :second is the last counted second, :starts the counts. Runs
-- in the transaction of read_rate and claim_due, under the claim lock, so that no other orchestrator changes the ring
-- in between.
-- parameters: rollout bigint, second bigint, starts integer[]
INSERT INTO rollout_rate (rollout_id, second, starts) VALUES (:rollout, :second, :starts)
ON CONFLICT (rollout_id) DO UPDATE SET second = excluded.second, starts = excluded.starts
