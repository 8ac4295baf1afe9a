-- Orders to collect a file of a device: rollouts whose endpoint is 'collect'. Their instructions have no branch, since they use
-- none of its machines.

-- Neither a freeze nor a budget holds such a rollout, so it can be nothing else. NULL would pass a check: hence IS TRUE.
ALTER TABLE rollout ADD CONSTRAINT rollout_collect_check
  CHECK (door <> :COLLECT_ENDPOINT OR (plan #>> '{spec,action}' = 'collect' AND devices <= 1) IS TRUE);

-- As before; an order to collect takes no machine out of service, whatever its device reports or does not. What is
-- excluded before another attempt ends as failed or timed out, and takes none out of service again.
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
        AND (NEW.state = :REJECTED OR NEW.substate <> :FINAL OR OLD.state > :DISPATCHED) -- else no attempt ends: it was excluded
        AND NEW.device IS DISTINCT FROM NEW.branch
        AND (SELECT r.door FROM rollout r WHERE r.id = NEW.rollout_id) IS DISTINCT FROM :COLLECT_ENDPOINT THEN
    INSERT INTO unavailable (device, branch, instruction_id, rollout_id, code, since)
    VALUES (NEW.device, NEW.branch, NEW.id, NEW.rollout_id, NEW.code, now())
    ON CONFLICT (device) DO UPDATE
    SET instruction_id = excluded.instruction_id, rollout_id = excluded.rollout_id, code = excluded.code;
  END IF;
  RETURN NULL;
END
$$;
