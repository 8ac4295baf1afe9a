-- Changes of a rollout under way, without a new plan. The plan that was approved stays as it was, with its digest; the columns
-- of the rollout have the values in force, which every statement reads.
CREATE TABLE amendment (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  number integer NOT NULL,
  kind text NOT NULL CHECK (kind IN (:AMENDMENT_RATE, :AMENDMENT_BUDGET, :AMENDMENT_END, :AMENDMENT_EXCLUDE, :AMENDMENT_SKIP,
                                     :AMENDMENT_PAUSE_GROUP, :AMENDMENT_RESUME_GROUP, :AMENDMENT_PROMOTE)),
  subject text COLLATE "C" NOT NULL, -- what it touches beside its kind, such as a group; "": nothing else
  before jsonb NOT NULL, -- what it was judged against
  after jsonb NOT NULL,
  is_loosening boolean NOT NULL,
  plan_digest text NOT NULL, -- of the plan that it changes
  digest text NOT NULL, -- of the amendment: approvals are bound to it
  version bigint NOT NULL, -- of the rollout, that the author saw
  author text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  approvals_required smallint NOT NULL,
  state text NOT NULL CHECK (state IN (:AMENDMENT_IN_FORCE, :AMENDMENT_AWAITING_APPROVAL, :AMENDMENT_REJECTED, :AMENDMENT_VOID)),
  decided_at timestamptz, -- since when it is in force, or when it was rejected or became void
  -- Waiting instructions get other times from it, and the conductor has not written all of them: the last that it looked at,
  -- in the order of the index instruction_due.
  retimes boolean NOT NULL DEFAULT false,
  seen_group smallint NOT NULL DEFAULT 0,
  seen_due_at timestamptz NOT NULL DEFAULT '-infinity',
  seen_instruction bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rollout_id, number),
  UNIQUE (rollout_id, version),
  CHECK ((state = :AMENDMENT_AWAITING_APPROVAL) = (decided_at IS NULL))
);
CREATE INDEX amendment_awaiting ON amendment (rollout_id) WHERE state = :AMENDMENT_AWAITING_APPROVAL;
CREATE INDEX amendment_retimes ON amendment (rollout_id) WHERE retimes;

-- What a person decided about an amendment.
CREATE TABLE amendment_decision (
  rollout_id bigint NOT NULL,
  number integer NOT NULL,
  actor text COLLATE "C" NOT NULL,
  approved boolean NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (rollout_id, number, actor),
  FOREIGN KEY (rollout_id, number) REFERENCES amendment ON DELETE CASCADE
);

-- The plan of an amended rollout as it was approved. The plan in the rollout's own row has the values in force, so that an
-- orchestrator of the version before obeys them, too.
CREATE TABLE amended_plan (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  digest text NOT NULL,
  plan jsonb NOT NULL,
  PRIMARY KEY (rollout_id, digest)
);

-- An orchestrator of the version before voids amendments through the trigger from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, UPDATE ON amendment TO tellercast_run;
  END IF;
END
$$;

-- The amendment that an event is about.
ALTER TABLE rollout_event ADD COLUMN amendment integer;

-- An end of the rollout voids the amendments that wait; another plan voids all. A trigger, since an orchestrator of the version
-- before ends and revises rollouts, too.
CREATE FUNCTION void_amendments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE amendment
  SET state = :AMENDMENT_VOID, decided_at = now(), retimes = false
  WHERE rollout_id = NEW.id
    AND (state = :AMENDMENT_AWAITING_APPROVAL OR state = :AMENDMENT_IN_FORCE AND NEW.digest <> OLD.digest);
  RETURN NULL;
END
$$;
CREATE TRIGGER rollout_amendments_end AFTER UPDATE OF state, digest ON rollout FOR EACH ROW
  WHEN (NEW.digest <> OLD.digest
        OR NEW.state <> OLD.state
           AND NEW.state NOT IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED))
  EXECUTE FUNCTION void_amendments();

-- The plan of a rollout as it was approved: of its digest.
CREATE FUNCTION approved_plan(r rollout) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT a.plan FROM amended_plan a WHERE a.rollout_id = r.id AND a.digest = r.digest), r.plan)
$$;

-- How many approvals an amendment that waits needs: as many as the plan, and no fewer than when it was ordered.
CREATE FUNCTION amendment_approvals_needed(a amendment, r rollout) RETURNS smallint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN a.state = :AMENDMENT_AWAITING_APPROVAL
              THEN greatest(a.approvals_required, approvals_needed(r, r.devices)) ELSE a.approvals_required END
$$;

-- An amendment as JSON, with its decisions.
CREATE FUNCTION amendment_told(a amendment) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'amendment', a.number, 'kind', a.kind, 'subject', nullif(a.subject, ''), 'before', a.before, 'after', a.after,
    'is_loosening', a.is_loosening, 'state', a.state, 'author', a.author, 'reason', a.reason, 'at', rfc3339(a.at),
    'version', a.version, 'plan_digest', a.plan_digest, 'digest', a.digest, 'decided_at', rfc3339(a.decided_at),
    'required', (SELECT amendment_approvals_needed(a, r) FROM rollout r WHERE r.id = a.rollout_id),
    'decisions', (SELECT coalesce(json_agg(json_build_object(
                      'actor', d.actor, 'approved', d.approved, 'reason', d.reason, 'at', rfc3339(d.at)) ORDER BY d.at), '[]')
                  FROM amendment_decision d WHERE d.rollout_id = a.rollout_id AND d.number = a.number))
$$;

-- The amendments of a rollout as JSON, in their order.
CREATE FUNCTION amendments_told(of_rollout bigint) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(json_agg(amendment_told(a) ORDER BY a.number), '[]') FROM amendment a WHERE a.rollout_id = of_rollout
$$;

-- The amendments of a rollout that wait for approvals, as JSON.
CREATE FUNCTION amendments_awaiting(of_rollout bigint) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(json_agg(amendment_told(a) ORDER BY a.number), '[]')
  FROM amendment a
  WHERE a.rollout_id = of_rollout AND a.state = :AMENDMENT_AWAITING_APPROVAL
$$;

-- The values of a rollout that amendments change, as they are in force, as JSON.
CREATE FUNCTION values_in_force(r rollout) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object('rate', r.plan #> '{spec,rate}', 'max_unavailable', r.plan #> '{spec,disruptionBudget,maxUnavailable}',
                           'end_at', r.plan #> '{spec,schedule,endAt}')
$$;

INSERT INTO instruction_transition VALUES
  (:CREATED, :NO_WINDOW, :ON_POSTPONED, :CREATED, :SCHEDULED);
