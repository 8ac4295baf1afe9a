-- Moves instruction :instruction to attempt :attempt, which its device made in the time that a restore lost, so that a
-- report on that attempt counts. Changes nothing if the attempt is earlier than the stored one or more than
-- :lost_attempts_max beyond it, or if the device itself ended the instruction.
-- parameters: instruction bigint, attempt bigint, lost_attempts_max bigint
UPDATE instruction
SET attempt = greatest(attempt, :attempt::int), sequence = CASE WHEN attempt < :attempt::int THEN 0 ELSE sequence END, due_at = NULL,
    substate = CASE WHEN state = :CREATED AND substate IN (:SCHEDULED, :NO_WINDOW) THEN :ADMITTED ELSE substate END
WHERE id = :instruction AND attempt <= :attempt::int AND :attempt::int - attempt <= :lost_attempts_max
  AND state NOT IN (:COMPLETED, :FAILED, :REJECTED)
