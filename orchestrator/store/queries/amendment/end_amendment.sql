-- Ends the wait of amendment :number of rollout :rollout: it is in state :state now.
-- parameters: rollout bigint, number bigint, state text, retimes boolean
UPDATE amendment
SET state = :state, decided_at = clock_timestamp(), retimes = :retimes
WHERE rollout_id = :rollout AND number = :number::integer
