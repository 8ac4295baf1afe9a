-- What only orchestrators without substates needed: they completed their moves by a trigger, read the moves from a table of
-- their own, and looked for devices in doubt by an index of their own.
DROP TRIGGER complete_move_of_version_before ON instruction;
DROP FUNCTION complete_move_of_version_before();
DROP FUNCTION substate_by_times(smallint, timestamptz, timestamptz, timestamptz);
DROP FUNCTION install_timeout_of(bigint);
DROP TABLE instruction_rule;
DROP INDEX instruction_branch_in_doubt;

-- Each pair is one of instruction_substate. Not checked for the rows that are there, which the trigger kept right: that
-- would read the whole table under its lock.
ALTER TABLE instruction ADD CONSTRAINT instruction_substate_check CHECK (
  substate = :ACTIVE AND state BETWEEN :CREATED AND :EXPIRED -- the usual substate: scheduled, active or final
  OR state = :CREATED AND substate IN (:NO_WINDOW, :DEFERRED, :ADMITTED)
  OR state IN (:DISPATCHED, :RECEIVED) AND substate = :WITHDRAWING
  OR state IN (:FAILED, :TIMED_OUT) AND substate = :UNDECIDED
) NOT VALID;
