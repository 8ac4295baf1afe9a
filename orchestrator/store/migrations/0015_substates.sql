-- What the state of an instruction alone does not say has a column of its own: its substate. And a device that was given up
-- after it was answered may still install: until when. docs/decisions/0041-every-state-has-a-name.md tells why the columns are as they are.

INSERT INTO instruction_event_kind VALUES
  (:ON_POSTPONED, 'postponed'), (:ON_OUT_OF_WINDOWS, 'out_of_windows'), (:ON_ADMITTED, 'admitted'),
  (:ON_WITHDRAWN, 'withdrawn'), (:ON_SETTLED, 'settled');

-- The substates of each state: the same rows as in orchestrator/rollout/vocabulary.def.
CREATE TABLE instruction_substate (
  state smallint NOT NULL REFERENCES instruction_state,
  substate smallint NOT NULL,
  name text NOT NULL,
  PRIMARY KEY (state, substate),
  UNIQUE (state, name)
);
INSERT INTO instruction_substate
SELECT state, :ACTIVE, CASE WHEN is_end THEN 'final' WHEN state = :CREATED THEN 'scheduled' ELSE 'active' END
FROM instruction_state;
INSERT INTO instruction_substate VALUES
  (:CREATED, :NO_WINDOW, 'no_window'), (:CREATED, :DEFERRED, 'deferred'), (:CREATED, :ADMITTED, 'admitted'),
  (:DISPATCHED, :WITHDRAWING, 'withdrawing'), (:RECEIVED, :WITHDRAWING, 'withdrawing'),
  (:FAILED, :UNDECIDED, 'undecided'), (:TIMED_OUT, :UNDECIDED, 'undecided');

-- Every legal move: the same rows as in orchestrator/rollout/vocabulary.def. The version before reads instruction_rule,
-- which stays as it is; the version after this one removes that table.
CREATE TABLE instruction_transition (
  from_state smallint NOT NULL,
  from_substate smallint NOT NULL,
  event smallint NOT NULL REFERENCES instruction_event_kind,
  to_state smallint NOT NULL,
  to_substate smallint NOT NULL,
  PRIMARY KEY (from_state, from_substate, event),
  FOREIGN KEY (from_state, from_substate) REFERENCES instruction_substate,
  FOREIGN KEY (to_state, to_substate) REFERENCES instruction_substate
);
INSERT INTO instruction_transition VALUES
  (:CREATED, :SCHEDULED, :ON_DUE, :DISPATCHED, :ACTIVE),
  (:CREATED, :SCHEDULED, :ON_POSTPONED, :CREATED, :SCHEDULED),
  (:CREATED, :SCHEDULED, :ON_OUT_OF_WINDOWS, :CREATED, :NO_WINDOW),
  (:CREATED, :SCHEDULED, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:CREATED, :SCHEDULED, :ON_ADMITTED, :CREATED, :ADMITTED),
  (:CREATED, :SCHEDULED, :ON_CANCEL, :CANCELLED, :FINAL),
  (:CREATED, :SCHEDULED, :ON_EXPIRE, :EXPIRED, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_ADMITTED, :CREATED, :ADMITTED),
  (:CREATED, :NO_WINDOW, :ON_CANCEL, :CANCELLED, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_EXPIRE, :EXPIRED, :FINAL),
  (:CREATED, :DEFERRED, :ON_RETRY, :CREATED, :SCHEDULED),
  (:CREATED, :DEFERRED, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:CREATED, :DEFERRED, :ON_FAILED, :FAILED, :UNDECIDED),
  (:CREATED, :DEFERRED, :ON_CANCEL, :CANCELLED, :FINAL),
  (:CREATED, :ADMITTED, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:CREATED, :ADMITTED, :ON_FAILED, :FAILED, :UNDECIDED),
  (:DISPATCHED, :ACTIVE, :ON_ANSWERED, :SENT, :ACTIVE),
  (:DISPATCHED, :ACTIVE, :ON_RECEIVED, :RECEIVED, :ACTIVE),
  (:DISPATCHED, :ACTIVE, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:DISPATCHED, :ACTIVE, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:DISPATCHED, :ACTIVE, :ON_FAILED, :FAILED, :UNDECIDED),
  (:DISPATCHED, :ACTIVE, :ON_REJECTED, :REJECTED, :FINAL),
  (:DISPATCHED, :ACTIVE, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:DISPATCHED, :ACTIVE, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:DISPATCHED, :ACTIVE, :ON_WITHDRAWN, :DISPATCHED, :WITHDRAWING),
  (:DISPATCHED, :WITHDRAWING, :ON_ANSWERED, :SENT, :ACTIVE),
  (:DISPATCHED, :WITHDRAWING, :ON_RECEIVED, :RECEIVED, :ACTIVE),
  (:DISPATCHED, :WITHDRAWING, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:DISPATCHED, :WITHDRAWING, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_FAILED, :FAILED, :UNDECIDED),
  (:DISPATCHED, :WITHDRAWING, :ON_REJECTED, :REJECTED, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:DISPATCHED, :WITHDRAWING, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:DISPATCHED, :WITHDRAWING, :ON_CANCEL, :CANCELLED, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_PREEMPTED, :CREATED, :SCHEDULED),
  (:SENT, :ACTIVE, :ON_RECEIVED, :RECEIVED, :ACTIVE),
  (:SENT, :ACTIVE, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:SENT, :ACTIVE, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:SENT, :ACTIVE, :ON_FAILED, :FAILED, :UNDECIDED),
  (:SENT, :ACTIVE, :ON_REJECTED, :REJECTED, :FINAL),
  (:SENT, :ACTIVE, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:SENT, :ACTIVE, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:RECEIVED, :ACTIVE, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:RECEIVED, :ACTIVE, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:RECEIVED, :ACTIVE, :ON_FAILED, :FAILED, :UNDECIDED),
  (:RECEIVED, :ACTIVE, :ON_REJECTED, :REJECTED, :FINAL),
  (:RECEIVED, :ACTIVE, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:RECEIVED, :ACTIVE, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:RECEIVED, :ACTIVE, :ON_WITHDRAWN, :RECEIVED, :WITHDRAWING),
  (:RECEIVED, :WITHDRAWING, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:RECEIVED, :WITHDRAWING, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:RECEIVED, :WITHDRAWING, :ON_FAILED, :FAILED, :UNDECIDED),
  (:RECEIVED, :WITHDRAWING, :ON_REJECTED, :REJECTED, :FINAL),
  (:RECEIVED, :WITHDRAWING, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:RECEIVED, :WITHDRAWING, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:INSTALLING, :ACTIVE, :ON_INSTALLING, :INSTALLING, :ACTIVE),
  (:INSTALLING, :ACTIVE, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:INSTALLING, :ACTIVE, :ON_FAILED, :FAILED, :UNDECIDED),
  (:INSTALLING, :ACTIVE, :ON_REJECTED, :REJECTED, :FINAL),
  (:INSTALLING, :ACTIVE, :ON_DEFERRED, :CREATED, :DEFERRED),
  (:INSTALLING, :ACTIVE, :ON_DEADLINE, :TIMED_OUT, :UNDECIDED),
  (:FAILED, :UNDECIDED, :ON_SETTLED, :FAILED, :FINAL),
  (:FAILED, :UNDECIDED, :ON_RETRY, :CREATED, :SCHEDULED),
  (:FAILED, :FINAL, :ON_RETRY, :CREATED, :SCHEDULED),
  (:REJECTED, :FINAL, :ON_RETRY, :CREATED, :SCHEDULED),
  (:TIMED_OUT, :UNDECIDED, :ON_SETTLED, :TIMED_OUT, :FINAL),
  (:TIMED_OUT, :UNDECIDED, :ON_RETRY, :CREATED, :SCHEDULED),
  (:TIMED_OUT, :UNDECIDED, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:TIMED_OUT, :UNDECIDED, :ON_FAILED, :FAILED, :UNDECIDED),
  (:TIMED_OUT, :FINAL, :ON_RETRY, :CREATED, :SCHEDULED),
  (:TIMED_OUT, :FINAL, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:TIMED_OUT, :FINAL, :ON_FAILED, :FAILED, :FINAL),
  (:CANCELLED, :FINAL, :ON_RETRY, :CREATED, :SCHEDULED),
  (:CANCELLED, :FINAL, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:CANCELLED, :FINAL, :ON_FAILED, :FAILED, :FINAL),
  (:EXPIRED, :FINAL, :ON_COMPLETED, :COMPLETED, :FINAL),
  (:EXPIRED, :FINAL, :ON_FAILED, :FAILED, :FINAL);

-- 0 is the usual substate of each state, so neither what has ended nor what waits is written here, however much it is.
ALTER TABLE instruction
  ADD COLUMN IF NOT EXISTS substate smallint NOT NULL DEFAULT 0,
  -- Not null: a deadline gave it up after it was answered. An installation begun at start_before would be over then.
  ADD COLUMN IF NOT EXISTS may_install_until timestamptz;

-- The substate as the times tell it, which the version before writes alone. It withdraws only what is dispatched, and leaves
-- withdrawn_at behind when an answer was under way.
CREATE FUNCTION substate_by_times(state smallint, due_at timestamptz, wake_at timestamptz, withdrawn_at timestamptz)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (CASE
    WHEN state = :CREATED THEN
      CASE WHEN due_at = 'infinity' THEN :NO_WINDOW WHEN due_at IS NOT NULL THEN :SCHEDULED
        WHEN wake_at IS NOT NULL THEN :DEFERRED ELSE :ADMITTED END
    WHEN state = :DISPATCHED AND withdrawn_at IS NOT NULL THEN :WITHDRAWING
    WHEN state IN (:FAILED, :TIMED_OUT) AND wake_at IS NOT NULL THEN :UNDECIDED
    ELSE :ACTIVE END)::smallint
$$;

UPDATE instruction
SET substate = substate_by_times(state, due_at, wake_at, withdrawn_at)
WHERE wake_at IS NOT NULL AND substate_by_times(state, due_at, wake_at, withdrawn_at) <> substate;

UPDATE instruction i
SET substate = :NO_WINDOW
FROM rollout r
JOIN rollout_group g ON g.rollout_id = r.id
WHERE r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
  AND i.rollout_id = g.rollout_id AND i.group_no = g.group_no AND i.due_at = 'infinity' AND i.state = :CREATED;

-- How long an installation of a rollout may take; of a plan that this version does not understand the longest of any plan.
CREATE FUNCTION install_timeout_of(rollout bigint) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(plan_number(r.plan #> '{spec,execution,installTimeout}', NULL), 2592000) * interval '1 s'
  FROM rollout r WHERE r.id = rollout
$$;

UPDATE instruction
SET may_install_until = start_before + install_timeout_of(rollout_id)
WHERE code IN (:CODE_NOT_INSTALLING, :CODE_ATM_SILENT, :CODE_DEVICE_SILENT) AND branch IS NOT NULL
  AND NOT in_flight AND sent_at IS NOT NULL AND start_before > now() - interval '30 days';

-- An orchestrator of the version before, at work beside a new one during an upgrade, does not know the two columns. This
-- sets them for what it wrote; what this version wrote needs nothing, and the condition alone is what it pays. The
-- version after this one drops the trigger and its function, and checks each pair of state and substate instead.
CREATE FUNCTION complete_move_of_version_before() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE instruction
  SET substate = substate_by_times(NEW.state, NEW.due_at, NEW.wake_at, NEW.withdrawn_at),
      may_install_until =
        CASE WHEN NEW.in_flight OR NEW.state IN (:COMPLETED, :FAILED, :REJECTED) THEN NULL
          WHEN NEW.state = :TIMED_OUT AND OLD.state IN (:SENT, :RECEIVED)
            THEN NEW.start_before + install_timeout_of(NEW.rollout_id)
          ELSE NEW.may_install_until END
  WHERE id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER complete_move_of_version_before AFTER UPDATE ON instruction FOR EACH ROW
  WHEN (NEW.substate <> substate_by_times(NEW.state, NEW.due_at, NEW.wake_at, NEW.withdrawn_at)
          AND (NEW.state, OLD.state) <> (:RECEIVED, :RECEIVED) -- the version before does not withdraw it
        OR NEW.may_install_until IS NOT NULL AND (NEW.in_flight OR NEW.state IN (:COMPLETED, :FAILED, :REJECTED))
        OR NEW.may_install_until IS NULL AND NEW.state = :TIMED_OUT AND OLD.state IN (:SENT, :RECEIVED))
  EXECUTE FUNCTION complete_move_of_version_before();

-- How many instructions of a rollout are in each of the special substates that pass; for one group, or for all with null.
CREATE FUNCTION substate_counts(rollout bigint, group_number smallint) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_build_object('deferred', count(*) FILTER (WHERE i.substate = :DEFERRED),
                           'withdrawing', count(*) FILTER (WHERE i.substate = :WITHDRAWING),
                           'undecided', count(*) FILTER (WHERE i.substate = :UNDECIDED))
  FROM instruction i
  WHERE i.rollout_id = rollout AND i.substate IN (:DEFERRED, :WITHDRAWING, :UNDECIDED)
    AND (group_number IS NULL OR i.group_no = group_number)
$$;

-- As before, with the substate.
CREATE OR REPLACE FUNCTION group_promoted_past(bigint, smallint) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_agg(json_build_object('device', i.device, 'at', rfc3339(p.at), 'state', s.name, 'substate', b.name,
                                    'code', coalesce(i.code, ''))
                  ORDER BY i.device)
  FROM promoted_past p
  JOIN instruction i ON i.id = p.instruction_id
  JOIN instruction_state s ON s.state = i.state
  LEFT JOIN instruction_substate b ON b.state = i.state AND b.substate = i.substate
  WHERE p.rollout_id = $1 AND p.group_no = $2
$$;
