-- Voids the amendments of rollout :rollout that wait, and touch the same as amendment :number, which is in force now.
-- parameters: rollout bigint, number bigint, kind text, subject text
UPDATE amendment
SET state = :AMENDMENT_VOID, decided_at = clock_timestamp()
WHERE rollout_id = :rollout AND state = :AMENDMENT_AWAITING_APPROVAL AND kind = :kind AND subject = :subject AND number <> :number::integer
