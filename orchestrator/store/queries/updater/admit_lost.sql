-- Admits attempt :attempt of instruction :instruction, which its device made in the time that a restore lost: brings
-- the row to where a report of that attempt counts. Changes nothing if the attempt is more than :lost_attempts_max
-- beyond the stored one.
-- parameters: instruction bigint, attempt bigint, lost_attempts_max bigint
UPDATE instruction
SET attempt = greatest(attempt, :attempt::int), sequence = CASE WHEN attempt < :attempt::int THEN 0 ELSE sequence END, due_at = NULL,
    substate = CASE WHEN state = :CREATED AND substate IN (:SCHEDULED, :NO_WINDOW) THEN :ADMITTED ELSE substate END
WHERE id = :instruction AND attempt <= :attempt::int AND :attempt::int - attempt <= :lost_attempts_max
  AND state NOT IN (:COMPLETED, :FAILED, :REJECTED)
