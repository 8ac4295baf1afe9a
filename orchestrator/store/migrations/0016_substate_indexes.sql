-- Apart from the columns, so that devices can ask while the indexes are built. Where that takes too long, the columns and
-- these indexes can be made by hand before the upgrade, the indexes concurrently.

-- The special substates that few instructions have at a time, and not for long.
CREATE INDEX IF NOT EXISTS instruction_special ON instruction (rollout_id, substate, group_no)
  WHERE substate IN (:DEFERRED, :WITHDRAWING, :UNDECIDED);

-- The devices of a branch that may be at work though they were given up, for what it can spare. The version before looks
-- at instruction_branch_in_doubt, which the version after this one removes.
CREATE INDEX IF NOT EXISTS instruction_branch_may_install ON instruction (branch, may_install_until)
  WHERE may_install_until IS NOT NULL AND branch IS NOT NULL;
