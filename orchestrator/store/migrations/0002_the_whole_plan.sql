-- What the whole language of plans needs: approval, operations, aborts, priorities, budgets in percent, soak.

ALTER TABLE rollout DROP CONSTRAINT rollout_state_check;
ALTER TABLE rollout ADD CONSTRAINT rollout_state_check CHECK (state IN (
  'accepted', 'awaiting_approval', 'running', 'paused', 'cancelling',
  'completed', 'halted', 'cancelled', 'rejected'));
ALTER TABLE rollout
  ADD COLUMN version bigint NOT NULL DEFAULT 1, -- one more with each operation and with whatever else operators must know
  ADD COLUMN priority smallint NOT NULL DEFAULT 50,
  ADD COLUMN preempt boolean NOT NULL DEFAULT false,
  ADD COLUMN approvals_required smallint NOT NULL DEFAULT 0,
  -- The budget of a branch: so many of its devices, or so many percent of its machines; both null: none.
  ADD COLUMN max_unavailable integer,
  ADD COLUMN max_unavailable_percent double precision,
  ADD COLUMN single_device_allowed boolean NOT NULL DEFAULT true,
  ADD COLUMN calendars jsonb NOT NULL DEFAULT '{}', -- those that the plan names, as they were when it was planned
  ADD COLUMN ends_at timestamptz, -- nothing starts from then on; null: no end, or not planned yet
  ADD COLUMN rollback_of bigint REFERENCES rollout,
  ADD COLUMN rollback_wanted_by text,               -- a rollback is to be ordered in this name when nothing is in flight
  ADD COLUMN rollback_reason text,
  ADD COLUMN rollback_wanted_at timestamptz,        -- a rollback made since then is the one that is wanted
  -- For each criterion of abort: how much an operator has seen of what it counts. It fires again only beyond that.
  ADD COLUMN abort_seen bigint[] NOT NULL DEFAULT '{}';
UPDATE rollout SET max_unavailable = (plan #>> '{spec,disruptionBudget,maxUnavailable}')::integer;
DROP INDEX rollout_open;
CREATE INDEX rollout_open ON rollout (id) WHERE state IN ('accepted', 'awaiting_approval', 'running', 'paused', 'cancelling');
-- One at a time: what completed after a rollback, or in spite of it, can be taken back by another.
CREATE UNIQUE INDEX rollout_rollback_of ON rollout (rollback_of)
  WHERE rollback_of IS NOT NULL AND state IN ('accepted', 'awaiting_approval', 'running', 'paused', 'cancelling');
CREATE INDEX rollout_rollback_wanted ON rollout (id) WHERE rollback_wanted_by IS NOT NULL;

ALTER TABLE rollout_group DROP CONSTRAINT rollout_group_state_check;
ALTER TABLE rollout_group ADD CONSTRAINT rollout_group_state_check CHECK (state IN (
  'waiting', 'open', 'soaking', 'awaiting_approval', 'passed', 'not_reached'));
ALTER TABLE rollout_group
  ADD COLUMN soak_s bigint NOT NULL DEFAULT 0,
  ADD COLUMN manual boolean NOT NULL DEFAULT false, -- the next group needs a person's word
  ADD COLUMN settled_at timestamptz;                -- since when its devices have come to their ends, and enough completed

-- What happened to a rollout as a whole, in order: the evidence. `version` is the one that an operator saw who
-- ordered it, so that the same order again is known, and another one on the same ground is refused.
CREATE TABLE rollout_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,
  actor text NOT NULL, -- a person, or 'tellercast' when the plan or the clock did it
  reason text NOT NULL DEFAULT '',
  version bigint,
  digest text,
  group_no smallint
);
CREATE INDEX rollout_event_rollout ON rollout_event (rollout_id, id);
CREATE UNIQUE INDEX rollout_event_version ON rollout_event (rollout_id, version) WHERE version IS NOT NULL;

-- Who approved or rejected what. Of another digest than the rollout's it is void. Group 0: the whole rollout.
CREATE TABLE approval (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  group_no smallint NOT NULL DEFAULT 0,
  digest text NOT NULL,
  actor text NOT NULL,
  approved boolean NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (rollout_id, group_no, digest, actor)
);

-- When an attempt that has ended, or was put off, came to its stages: the instruction's own row has those of the present
-- attempt only.
ALTER TABLE instruction_event
  ADD COLUMN dispatched_at timestamptz,
  ADD COLUMN sent_at timestamptz,
  ADD COLUMN received_at timestamptz,
  ADD COLUMN installing_at timestamptz;

-- How many machines of a branch serve customers: all but its node. A budget in percent is reckoned by it.
ALTER TABLE branch ADD COLUMN machines integer NOT NULL DEFAULT 0;
UPDATE branch b SET machines = (SELECT count(*) FROM device d WHERE d.branch = b.id AND d.role <> 'node');

INSERT INTO instruction_event_kind VALUES (12, 'preempted');
INSERT INTO instruction_rule VALUES
  (1, 12, 0), -- a rollout of higher priority needs the device, which was not answered yet
  (7, 9, 0),  -- an operator orders another attempt
  (9, 4, 5),  -- the device's own word: it was at work already when it was cancelled
  (10, 4, 5); -- or when its next attempt expired

-- Devices that went out of service, for the abort criterion. What is indexed changes seldom, so moves stay HOT.
CREATE INDEX instruction_out_of_service ON instruction (rollout_id, group_no)
  WHERE code IN ('out_of_service', 'install_timeout');

-- The same of a branch, for what it can spare.
CREATE INDEX instruction_branch_out_of_service ON instruction (branch)
  WHERE code IN ('out_of_service', 'install_timeout') AND branch IS NOT NULL;

-- The planner, which alone draws them, draws a million.
ALTER SEQUENCE instruction_id CACHE 1000;

-- How many devices of a branch with so many machines may be down at once; null: no limit. The same as
-- orchestrator/rollout/budget.c.
CREATE FUNCTION branch_room(machines integer, most integer, most_percent double precision, single_allowed boolean)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN most IS NULL AND most_percent IS NULL THEN NULL
    WHEN machines <= 1 AND NOT single_allowed THEN 0
    WHEN most IS NOT NULL THEN most
    WHEN floor(machines * most_percent / 100) < 1 THEN CASE WHEN single_allowed THEN 1 ELSE 0 END
    ELSE floor(machines * most_percent / 100)::integer END
$$;

-- As before; a device without a model has no such label; and `completed_in`: only devices that completed the rollout of that name; null: any. And a device's own
-- zone, which counts when it has no branch: who asks for that alone reads no branch.
DROP FUNCTION device_scope(text[], text[], jsonb, jsonb, text, text[]);
CREATE FUNCTION device_scope(branches text[], devices text[], match_labels jsonb, match_expressions jsonb,
                             artifact text, from_versions text[], completed_in text)
RETURNS TABLE (device text, branch text, role text, zone text, own_zone text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT d.id, d.branch, d.role, coalesce(b.zone, d.zone, 'UTC'), coalesce(d.zone, 'UTC')
  FROM device d
  LEFT JOIN branch b ON b.id = d.branch
  WHERE (cardinality(branches) = 0 OR d.branch = ANY (branches))
    AND (cardinality(devices) = 0 OR d.id = ANY (devices))
    AND (cardinality(from_versions) = 0 OR d.versions ->> artifact = ANY (from_versions))
    AND (completed_in IS NULL
         OR EXISTS (SELECT FROM instruction i
                    WHERE i.device = d.id AND i.rollout_id = (SELECT r.id FROM rollout r WHERE r.name = completed_in)
                      AND i.state = 5))
    AND (match_labels = '{}'
         OR coalesce(b.labels, '{}') || d.labels
            || jsonb_strip_nulls(jsonb_build_object('model', nullif(d.model, ''), 'role', d.role, 'branch', d.branch))
            @> match_labels)
    AND (match_expressions = '[]'
         OR NOT EXISTS (
           SELECT FROM jsonb_array_elements(match_expressions) e,
             LATERAL (SELECT (coalesce(b.labels, '{}') || d.labels
                              || jsonb_build_object('model', nullif(d.model, ''), 'role', d.role, 'branch', d.branch))
                             ->> (e ->> 'key') AS value) l
           WHERE NOT CASE e ->> 'operator'
             WHEN 'In' THEN coalesce(e -> 'values' ? l.value, false)
             WHEN 'NotIn' THEN NOT coalesce(e -> 'values' ? l.value, false)
             WHEN 'Exists' THEN l.value IS NOT NULL
             WHEN 'DoesNotExist' THEN l.value IS NULL
             ELSE false END))
$$;

-- Nothing of the schedule starts from then on: its endAt, or a year after startAt (or `submitted`, if that is later)
-- when there are windows, which are laid out no further; infinity: it has no end.
CREATE FUNCTION schedule_end(schedule jsonb, submitted timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT least((schedule ->> 'endAt')::timestamptz,
               CASE jsonb_array_length(schedule -> 'windows')
                 WHEN 0 THEN 'infinity'
                 ELSE greatest((schedule ->> 'startAt')::timestamptz, submitted) + interval '366 days' END)
$$;

-- When devices of these zones may be at work: the windows of the plan's schedule by each zone's own clock on the wall,
-- from startAt (or `submitted`, if that is later) to its end, less the plan's blackouts and those of the calendars
-- ({"name": [blackout, …]}). A blackout given by dates lasts through its last day. Planning and preview both lay them
-- out by this.
CREATE FUNCTION zone_windows(schedule jsonb, calendars jsonb, submitted timestamptz, zones text[])
RETURNS TABLE (zone text, opens_at timestamptz, closes_at timestamptz)
LANGUAGE sql STABLE AS $$
  WITH span AS (
    SELECT z.zone, t.starts_at, greatest(t.starts_at, schedule_end(schedule, submitted)) AS ends_at
    FROM unnest(zones) AS z(zone),
    LATERAL (SELECT greatest((schedule ->> 'startAt')::timestamptz, submitted) AS starts_at) t
  ), opened AS (
    SELECT s.zone, tstzmultirange(tstzrange(s.starts_at, s.ends_at)) AS ranges
    FROM span s
    WHERE jsonb_array_length(schedule -> 'windows') = 0
    UNION ALL
    SELECT s.zone, range_agg(tstzrange(t.opens_at, greatest(t.opens_at, t.closes_at)))
                   * tstzmultirange(tstzrange(min(s.starts_at), min(s.ends_at)))
    FROM span s,
         jsonb_array_elements(schedule -> 'windows') w,
         generate_series(date_trunc('day', s.starts_at AT TIME ZONE s.zone) - interval '1 day',
                         s.ends_at AT TIME ZONE s.zone, interval '1 day') AS day,
         LATERAL (SELECT (day + (w ->> 'start')::time) AT TIME ZONE s.zone AS opens_at,
                         (day + (w ->> 'start')::time + (w ->> 'duration')::int * interval '1 second')
                           AT TIME ZONE s.zone AS closes_at) t
    WHERE (w -> 'days') @> to_jsonb(date_part('isodow', day)::int)
    GROUP BY s.zone
  ), blackout AS (
    SELECT b FROM jsonb_array_elements(schedule -> 'blackouts') AS p(b)
    UNION ALL
    SELECT b FROM jsonb_each(calendars) AS c(name, blackouts), jsonb_array_elements(c.blackouts) AS d(b)
  ), closed AS (
    SELECT s.zone, range_agg(tstzrange(t.begins_at, greatest(t.begins_at, t.ends_at))) AS ranges
    FROM span s, blackout,
         LATERAL (SELECT CASE length(b ->> 'from') WHEN 10 THEN (b ->> 'from')::timestamp AT TIME ZONE s.zone
                           ELSE (b ->> 'from')::timestamptz END AS begins_at,
                         CASE length(b ->> 'to') WHEN 10 THEN ((b ->> 'to')::date + 1)::timestamp AT TIME ZONE s.zone
                           ELSE (b ->> 'to')::timestamptz END AS ends_at) t
    GROUP BY s.zone
  )
  SELECT o.zone, lower(piece), upper(piece)
  FROM opened o
  LEFT JOIN closed c ON c.zone = o.zone,
  LATERAL unnest(o.ranges - coalesce(c.ranges, '{}'::tstzmultirange)) AS piece
$$;

-- By what the devices of a rollout are put in order and in groups: told by its name alone, so that a preview puts
-- each device where the rollout will.
CREATE FUNCTION rollout_seed(name text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT hashtextextended(name, 0)
$$;

-- What the statements that start, count and conduct rollouts need of a canonical plan, beside the plan.
CREATE FUNCTION rollout_columns(plan jsonb)
RETURNS TABLE (priority smallint, preempt boolean, approvals_required smallint, max_unavailable integer,
               max_unavailable_percent double precision, single_device_allowed boolean, rollback_of bigint)
LANGUAGE sql STABLE AS $$
  SELECT (plan #>> '{spec,priority}')::smallint, (plan #>> '{spec,preempt}')::boolean,
         (plan #>> '{spec,approvals,required}')::smallint,
         CASE jsonb_typeof(plan #> '{spec,disruptionBudget,maxUnavailable}')
           WHEN 'number' THEN (plan #>> '{spec,disruptionBudget,maxUnavailable}')::integer END,
         (plan #>> '{spec,disruptionBudget,maxUnavailable,percentage}')::double precision,
         coalesce(plan #>> '{spec,disruptionBudget,singleDevice}' = 'allow', true),
         (SELECT r.id FROM rollout r WHERE r.name = rollout_columns.plan #>> '{metadata,rollbackOf}')
$$;

-- By the instruction, too: a look at what is due goes on where the one before ended, though many are due at one time.
DROP INDEX instruction_due;
CREATE INDEX instruction_due ON instruction (rollout_id, group_no, due_at, id) WHERE due_at IS NOT NULL;

-- The devices that a selector takes, with the group that each would be in as the first of `groups` that takes it; null:
-- none does. `devices_in_scope` is how many it takes, `seed` the rollout's. The same reckoning as in plan_instructions,
-- which also puts them in order and is told there.
CREATE FUNCTION group_members(groups jsonb, seed bigint, devices_in_scope bigint, branches text[], devices text[],
                              match_labels jsonb, match_expressions jsonb, artifact text, from_versions text[],
                              completed_in text)
RETURNS TABLE (group_no smallint, device text, branch text, role text, zone text, own_zone text)
LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (
    SELECT g.no::smallint AS group_no, g.rule,
           coalesce((g.rule ->> 'count')::numeric,
                    ceil((g.rule ->> 'percentage')::numeric * devices_in_scope / 100))::bigint AS last_rank
    FROM jsonb_array_elements(groups) WITH ORDINALITY AS g(rule, no)
  ), lowest AS (
    SELECT hash, row_number() OVER (ORDER BY hash) - 1 AS before
    FROM (SELECT hashtextextended(s.device, seed) AS hash
          FROM device_scope(branches, devices, match_labels, match_expressions, artifact, from_versions, completed_in) s
          ORDER BY hash
          LIMIT coalesce((SELECT max(last_rank) + 1 FROM rule WHERE last_rank < devices_in_scope), 0)) l
  ), border AS MATERIALIZED (
    SELECT coalesce(array_agg(lowest.hash::double precision ORDER BY rule.last_rank), '{}') AS hashes
    FROM rule
    JOIN lowest ON lowest.before = rule.last_rank
    WHERE rule.last_rank < devices_in_scope
  ), reach AS MATERIALIZED (
    SELECT (SELECT array_agg(r.group_no ORDER BY r.last_rank)
            FROM (SELECT last_rank, min(rule.group_no) OVER (ORDER BY last_rank DESC) AS group_no
                  FROM rule WHERE last_rank IS NOT NULL) r) AS groups,
           (SELECT jsonb_object_agg(d.id, d.group_no)
            FROM (SELECT id, min(rule.group_no) AS group_no
                  FROM rule, jsonb_array_elements_text(rule -> 'devices') AS id GROUP BY id) d) AS devices,
           (SELECT jsonb_object_agg(b.id, b.group_no)
            FROM (SELECT id, min(rule.group_no) AS group_no
                  FROM rule, jsonb_array_elements_text(rule -> 'branches') AS id GROUP BY id) b) AS branches
  )
  SELECT CASE WHEN (SELECT coalesce(reach.devices, reach.branches) IS NULL FROM reach)
              THEN (SELECT reach.groups FROM reach)
                   [1 + width_bucket(hashtextextended(s.device, seed)::double precision, (SELECT hashes FROM border))]
              ELSE least((SELECT reach.groups FROM reach)
                         [1 + width_bucket(hashtextextended(s.device, seed)::double precision,
                                           (SELECT hashes FROM border))],
                         ((SELECT reach.devices FROM reach) ->> s.device)::smallint,
                         ((SELECT reach.branches FROM reach) ->> s.branch)::smallint) END,
         s.device, s.branch, s.role, s.zone, s.own_zone
  FROM device_scope(branches, devices, match_labels, match_expressions, artifact, from_versions, completed_in) s
$$;

-- The nights of a window: its own, told by the local date on which it opens; of one that is open for more than a day
-- (and for a year at most) each local day by itself. Devices that take `install_s` to install start before `until`.
CREATE FUNCTION window_nights(zone text, opens_at timestamptz, closes_at timestamptz, install_s bigint)
RETURNS TABLE (night date, opens timestamptz, until timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT n.night, n.opens, least(n.until, closes_at - install_s * interval '1 second')
  FROM (SELECT (opens_at AT TIME ZONE zone)::date AS night, opens_at AS opens, closes_at AS until
        WHERE closes_at <= opens_at + interval '26 hours'
        UNION ALL
        SELECT day::date, greatest(opens_at, day AT TIME ZONE zone), (day + interval '1 day') AT TIME ZONE zone
        FROM generate_series(date_trunc('day', opens_at AT TIME ZONE zone),
                             least(closes_at, opens_at + interval '366 days') AT TIME ZONE zone, interval '1 day') AS day
        WHERE closes_at > opens_at + interval '26 hours') n
  WHERE n.opens < least(n.until, closes_at - install_s * interval '1 second')
$$;

-- The night to which `at` belongs, in a window that is open then.
CREATE FUNCTION night_of(zone text, opens_at timestamptz, closes_at timestamptz, at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT (CASE WHEN closes_at <= opens_at + interval '26 hours' THEN opens_at ELSE at END AT TIME ZONE zone)::date
$$;
