-- What the site asks of every rollout. Each orchestrator writes the policy of its settings, and renews it; the strictest of
-- all rows counts, so that no rollout depends on which orchestrator it meets.
CREATE TABLE site_policy (
  orchestrator text COLLATE "C" PRIMARY KEY,
  policy jsonb NOT NULL, -- as config/policy.h reads it
  written_at timestamptz NOT NULL DEFAULT now(),
  renewed_at timestamptz NOT NULL DEFAULT now()
);

-- The texts of the policies that were in force, so that the record of acts can tell what a digest was. A row is never changed.
CREATE TABLE site_policy_text (
  digest text PRIMARY KEY,
  policy jsonb NOT NULL
);

-- The details of an act of this digest, with the policy that it is of.
CREATE FUNCTION act_details(digest text, details jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT coalesce(act_details.details, '{}') || jsonb_build_object('policy', t.policy::text)
                   FROM site_policy_text t WHERE t.digest = act_details.digest), act_details.details)
$$;

-- How many approvals the policy asks for an action on so many devices.
CREATE FUNCTION policy_approvals(action text, devices bigint) RETURNS smallint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(max((rule ->> 'count')::smallint), 0)::smallint
  FROM site_policy p, jsonb_array_elements(p.policy -> 'approvals') AS rule
  WHERE rule ->> 'action' = policy_approvals.action AND policy_approvals.devices >= coalesce((rule ->> 'devices')::bigint, 1)
$$;

-- How long others have to review what a person did alone. A policy without a time asks for this one.
CREATE FUNCTION policy_review_within() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(min(coalesce((p.policy ->> 'review_within')::interval, interval '72 h')), interval '72 h') FROM site_policy p
$$;

-- How many approvals a rollout of `devices` devices needs to start; once it has started, how many it needed. A rollback that
-- an abort caused was approved with the plan of its origin, unless somebody revised it.
CREATE FUNCTION approvals_needed(r rollout, devices bigint) RETURNS smallint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN r.state NOT IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL) THEN r.approvals_required
    WHEN r.author = :ACTOR_TELLERCAST
     AND NOT EXISTS (SELECT FROM rollout_event e WHERE e.rollout_id = r.id AND e.kind = :KIND_REVISED)
      THEN r.approvals_required
    ELSE greatest(r.approvals_required, policy_approvals(r.plan #>> '{spec,action}', approvals_needed.devices)) END
$$;

-- How many approvals it needed at an act to run again after an abort; 0: it needed none.
ALTER TABLE rollout ADD COLUMN resume_approvals_required smallint NOT NULL DEFAULT 0;

-- How many approvals it needs to run again after an abort.
CREATE FUNCTION resume_approvals_needed(r rollout) RETURNS smallint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT greatest(r.approvals_required, r.resume_approvals_required, policy_approvals('resume', r.devices))
$$;

-- A person with this role may let a rollout run without approvals; others review that.
ALTER TABLE person_role DROP CONSTRAINT person_role_role_check;
ALTER TABLE person_role ADD CONSTRAINT person_role_role_check
  CHECK (role IN (:PERSON_VIEWER, :PERSON_OPERATOR, :PERSON_APPROVER, :PERSON_AUDITOR, :PERSON_ADMIN, :PERSON_BREAK_GLASS));

CREATE TABLE review (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rollout_id bigint NOT NULL REFERENCES rollout,
  digest text NOT NULL,
  actor text COLLATE "C" NOT NULL, -- who broke the glass
  reason text NOT NULL,
  ordered_by text COLLATE "C", -- who had ordered the resume; null: it was the start
  at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT :REVIEW_PENDING CHECK (state IN (:REVIEW_PENDING, :REVIEW_ACCEPTED, :REVIEW_OBJECTED)),
  ended_at timestamptz
);
CREATE INDEX review_pending ON review (due_at) WHERE ended_at IS NULL;
CREATE INDEX review_rollout ON review (rollout_id);

CREATE TABLE review_decision (
  review_id bigint NOT NULL REFERENCES review,
  actor text COLLATE "C" NOT NULL,
  accepted boolean NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (review_id, actor)
);
