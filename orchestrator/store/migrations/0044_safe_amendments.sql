-- When the last installation may start that a changed end leaves time for; null: the end was not changed, or there is none. What was
-- dispatched before may have a later start_before. What is dispatched after is not: its window ends with the rollout.
ALTER TABLE rollout ADD COLUMN last_start_at timestamptz;

-- A trigger, since an orchestrator of the version before amends ends and revises plans, too.
CREATE FUNCTION limit_starts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.last_start_at := NEW.ends_at - plan_number(NEW.plan #> '{spec,execution,installTimeout}', NULL) * interval '1 s';
  RETURN NEW;
END
$$;
CREATE TRIGGER rollout_limits_starts BEFORE UPDATE OF ends_at, digest ON rollout FOR EACH ROW
  WHEN (NEW.ends_at IS DISTINCT FROM OLD.ends_at OR NEW.digest <> OLD.digest)
  EXECUTE FUNCTION limit_starts();

UPDATE rollout r
SET last_start_at = r.ends_at - plan_number(r.plan #> '{spec,execution,installTimeout}', NULL) * interval '1 s'
WHERE r.ended_at IS NULL
  AND EXISTS (SELECT FROM amendment a
              WHERE a.rollout_id = r.id AND a.kind = :AMENDMENT_END AND a.state = :AMENDMENT_IN_FORCE);
