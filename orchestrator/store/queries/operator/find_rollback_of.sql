-- Finds the last rollback of rollout :rollout that has not ended or, with :or_was, that completed or was halted. No row:
-- there is none.
-- parameters: rollout bigint, or_was boolean
-- row: id bigint
SELECT id FROM rollout
WHERE rollback_of = :rollout
  AND (state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
       OR :or_was::boolean AND state IN (:ROLLOUT_COMPLETED, :ROLLOUT_HALTED))
ORDER BY id DESC
LIMIT 1
