-- When the last installation may start that a changed end leaves time for; null: the end was not changed, or there is none. What was
-- dispatched before may have a later start_before. What is dispatched after is not: its window ends with the rollout.
ALTER TABLE rollout ADD COLUMN last_start_at timestamptz;

-- A trigger, since an orchestrator of the version before amends ends and revises plans, too. Not at planning: what is claimed in the
-- windows of that end starts in time for it, and the conductor would look at what is in flight of every rollout with an end.
CREATE FUNCTION limit_starts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.last_start_at := CASE WHEN OLD.state <> :ROLLOUT_ACCEPTED
                         THEN NEW.ends_at - plan_number(NEW.plan #> '{spec,execution,installTimeout}', NULL) * interval '1 s' END;
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

-- An automatic rollback needs no approvals to start, since the plan of its origin was approved with it. To loosen it needs as many
-- as its origin.

-- The rollout that a rollback takes back, and so on: the one that this one takes back, if it is a rollback itself.
CREATE FUNCTION rollback_origins(r rollout) RETURNS SETOF rollout
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE origin AS (
    SELECT r.rollback_of AS id WHERE r.rollback_of IS NOT NULL
    UNION
    SELECT o.rollback_of FROM origin n JOIN rollout o ON o.id = n.id WHERE o.rollback_of IS NOT NULL
  )
  SELECT o.* FROM origin n JOIN rollout o ON o.id = n.id
$$;

-- How many approvals an amendment needs that loosens a rollout: as many as the plan, the plans of its origins, and the policy now.
CREATE FUNCTION loosening_approvals_needed(r rollout) RETURNS smallint
LANGUAGE sql STABLE AS $$
  SELECT greatest(approvals_needed(r, r.devices), policy_approvals(r.plan #>> '{spec,action}', r.devices),
                  (SELECT max(greatest(approvals_needed(o, o.devices), policy_approvals(o.plan #>> '{spec,action}', o.devices)))
                   FROM rollback_origins(r) o))::smallint
$$;

-- As before, and no fewer than the origins of a rollback.
CREATE OR REPLACE FUNCTION amendment_approvals_needed(a amendment, r rollout) RETURNS smallint
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN a.state = :AMENDMENT_AWAITING_APPROVAL
              THEN greatest(a.approvals_required, loosening_approvals_needed(r)) ELSE a.approvals_required END
$$;

-- Who wrote the plan of a rollout and of its origins: whether this person is an author, and an author whose name is linked to no
-- person.
CREATE FUNCTION loosening_authors(r rollout, person text) RETURNS TABLE (is_author boolean, unknown_author text)
LANGUAGE sql STABLE AS $$
  SELECT bool_or(w.is_author), min(w.unknown_author)
  FROM (SELECT r AS rollout UNION ALL SELECT o FROM rollback_origins(r) o) p,
  LATERAL rollout_authors(p.rollout, loosening_authors.person) w
$$;
