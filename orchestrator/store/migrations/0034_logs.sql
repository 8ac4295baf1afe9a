-- Instructions whose last attempt that ended failed, was rejected or timed out, so that those of a rollout are found and grouped
-- among a million. A trigger keeps the table: orchestrators of the version before write it, too. An index on instruction by its
-- state would make each of its moves dearer.
CREATE TABLE failure (
  rollout_id bigint NOT NULL,
  instruction_id bigint NOT NULL,
  device text COLLATE "C" NOT NULL,
  state smallint NOT NULL, -- as which that attempt ended
  is_retrying boolean NOT NULL, -- another attempt follows, or is under way
  code text NOT NULL,
  model text NOT NULL, -- of the device when it failed, as the two below
  version text, -- of the artifact that the rollout installs; null: it had reported none
  labels jsonb NOT NULL, -- that were in force
  PRIMARY KEY (rollout_id, instruction_id)
);

-- An orchestrator of the version before writes it from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON failure TO tellercast_run;
  END IF;
END
$$;

-- As before; keeps failure, too.
CREATE OR REPLACE FUNCTION instruction_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state IN (:FAILED, :REJECTED, :TIMED_OUT) THEN
    INSERT INTO failure (rollout_id, instruction_id, device, state, is_retrying, code, model, version, labels)
    SELECT NEW.rollout_id, NEW.id, NEW.device, NEW.state, false, coalesce(NEW.code, ''), d.model,
           d.versions ->> r.installs_name, labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
    FROM rollout r, device d
    LEFT JOIN branch b ON b.id = d.branch
    WHERE d.id = NEW.device AND r.id = NEW.rollout_id
    ON CONFLICT (rollout_id, instruction_id) DO UPDATE
    SET state = excluded.state, is_retrying = false, code = excluded.code, model = excluded.model, version = excluded.version,
        labels = excluded.labels;
  ELSIF NEW.failures = 0 THEN -- an operator ordered another attempt: it counts from nothing
    IF NEW.state = :CREATED THEN
      DELETE FROM failure WHERE rollout_id = NEW.rollout_id AND instruction_id = NEW.id;
    END IF;
  ELSIF NEW.state = :COMPLETED THEN
    DELETE FROM failure WHERE rollout_id = NEW.rollout_id AND instruction_id = NEW.id;
  ELSE
    UPDATE failure SET is_retrying = NEW.state = :CREATED WHERE rollout_id = NEW.rollout_id AND instruction_id = NEW.id;
  END IF;
  IF NEW.state = :CREATED THEN
    INSERT INTO failing AS f (instruction_id, rollout_id, group_no, state, code, ordered)
    VALUES (NEW.id, NEW.rollout_id, NEW.group_no, OLD.state, OLD.code, NEW.failures = 0)
    ON CONFLICT (instruction_id) DO UPDATE
    SET state = CASE WHEN OLD.state = :CANCELLED THEN f.state ELSE excluded.state END, -- the attempt before it failed
        code = CASE WHEN OLD.state = :CANCELLED THEN f.code ELSE excluded.code END,
        ordered = excluded.ordered;
  ELSIF NEW.attempt > 1 AND NEW.state <= :TIMED_OUT THEN -- it ended: its state says how
    DELETE FROM failing WHERE instruction_id = NEW.id;
  END IF;
  IF NEW.state = :COMPLETED AND NEW.code IS NULL THEN
    DELETE FROM unavailable u
    USING rollout r
    WHERE u.device = NEW.device AND (u.instruction_id = NEW.id OR NEW.dispatched_at >= u.since)
      AND r.id = NEW.rollout_id AND r.plan #>> '{spec,action}' IN ('install', 'rollback', 'run');
  ELSIF NEW.state IN (:FAILED, :REJECTED, :TIMED_OUT) AND NEW.code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT)
        AND NEW.device IS DISTINCT FROM NEW.branch THEN
    INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
    VALUES (NEW.device, NEW.branch, NEW.id, NEW.rollout_id, NEW.code, now())
    ON CONFLICT (device) DO UPDATE
    SET instruction_id = excluded.instruction_id, rollout_id = excluded.rollout_id, code = excluded.code;
  END IF;
  RETURN NULL;
END
$$;

-- Fires for what is cancelled or expires after it had failed, too. Replaced, since to drop it would keep readers waiting, too.
CREATE OR REPLACE TRIGGER instruction_moved AFTER UPDATE OF code ON instruction FOR EACH ROW
  WHEN (OLD.state <> NEW.state
        AND (NEW.state BETWEEN :COMPLETED AND :TIMED_OUT OR NEW.state = :CREATED AND OLD.state BETWEEN :FAILED AND :CANCELLED
             OR NEW.state > :TIMED_OUT AND NEW.failures > 0))
  EXECUTE FUNCTION instruction_moved();

-- The logs of failures: the end of an installer's output, as the device masked it. The conductor deletes the oldest.
CREATE TABLE device_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device text COLLATE "C" NOT NULL,
  instruction_id bigint NOT NULL,
  rollout_id bigint NOT NULL,
  attempt integer NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  size_bytes integer NOT NULL,
  content text NOT NULL,
  UNIQUE (instruction_id, attempt)
);
CREATE INDEX device_log_device ON device_log (device, id);
CREATE INDEX device_log_received ON device_log (received_at, id) INCLUDE (size_bytes);
