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
  is_resume boolean NOT NULL, -- what was let happen: a resume after an abort; otherwise the start
  ordered_by text COLLATE "C", -- who had ordered the resume; null: nobody had, or its order was rejected
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

-- A review as JSON, with its decisions.
CREATE FUNCTION review_told(v review) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'review', v.id, 'rollout', v.rollout_id, 'name', (SELECT r.name FROM rollout r WHERE r.id = v.rollout_id),
    'digest', v.digest, 'of', CASE WHEN v.is_resume THEN 'resume' ELSE 'start' END, 'ordered_by', v.ordered_by,
    'actor', v.actor, 'reason', v.reason, 'at', rfc3339(v.at), 'due_at', rfc3339(v.due_at), 'state', v.state,
    'ended_at', rfc3339(v.ended_at), 'is_overdue', v.ended_at IS NULL AND v.due_at <= now(),
    'decisions', (SELECT coalesce(json_agg(json_build_object(
                      'actor', d.actor, 'accepted', d.accepted, 'reason', d.reason, 'at', rfc3339(d.at)) ORDER BY d.at), '[]')
                  FROM review_decision d WHERE d.review_id = v.id))
$$;

-- The approvals of a rollout as JSON: how many its start needs or needed, each one that was given, and a review for each time that
-- somebody broke the glass.
CREATE FUNCTION approvals_of(r rollout) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'required', approvals_needed(r, r.devices),
    'given', approvals_told(r.id),
    'reviews', (SELECT coalesce(json_agg(review_told(v) ORDER BY v.id), '[]') FROM review v WHERE v.rollout_id = r.id))
$$;

-- The resume of a paused rollout as JSON: how many approvals it needs; who ordered it and who approved it, if one waits. Null
-- unless the rollout is paused.
CREATE FUNCTION resume_of(r rollout) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'required', CASE WHEN EXISTS (SELECT FROM rollout_event a
                                  WHERE a.rollout_id = r.id AND a.kind = :KIND_ABORTED
                                    AND a.id > coalesce((SELECT max(d.id) FROM rollout_event d
                                                         WHERE d.rollout_id = r.id
                                                           AND (d.kind = :KIND_RESUMED OR d.kind = :KIND_PAUSED
                                                                AND d.actor <> :ACTOR_TELLERCAST)), 0))
                     THEN resume_approvals_needed(r) ELSE 0 END,
    'ordered_by', o.actor, 'reason', o.reason, 'at', rfc3339(o.at),
    'given', (SELECT coalesce(json_agg(json_build_object(
                  'actor', e.actor, 'reason', e.reason, 'at', rfc3339(e.at)) ORDER BY e.id), '[]')
              FROM rollout_event e
              WHERE e.rollout_id = r.id AND e.kind = :KIND_RESUME_APPROVED AND e.id > o.id))
  -- The last of these events decides: an abort or a rejection ends a waiting resume. So does a pause by an operator,
  -- since only a running rollout can be paused.
  FROM (VALUES (r.id)) w(id)
  LEFT JOIN LATERAL (SELECT e.id, e.kind, e.actor, e.reason, e.at
                     FROM rollout_event e
                     WHERE e.rollout_id = w.id
                       AND (e.kind IN (:KIND_ABORTED, :KIND_RESUMED, :KIND_RESUME_REJECTED, :KIND_RESUME_ORDERED)
                            OR e.kind = :KIND_PAUSED AND e.actor <> :ACTOR_TELLERCAST)
                     ORDER BY e.id DESC LIMIT 1) o ON o.kind = :KIND_RESUME_ORDERED
  WHERE r.state = :ROLLOUT_PAUSED
$$;
