-- The states and the legal moves of an instruction: the same rows as orchestrator/rollout/state.c.
CREATE TABLE instruction_state (
  state smallint PRIMARY KEY,
  name text NOT NULL UNIQUE,
  is_end boolean NOT NULL
);
INSERT INTO instruction_state VALUES
  (0, 'created', false), (1, 'dispatched', false), (2, 'sent', false), (3, 'received', false),
  (4, 'installing', false), (5, 'completed', true), (6, 'failed', true), (7, 'rejected', true),
  (8, 'timed_out', true), (9, 'cancelled', true), (10, 'expired', true);

CREATE TABLE instruction_event_kind (
  event smallint PRIMARY KEY,
  name text NOT NULL UNIQUE
);
INSERT INTO instruction_event_kind VALUES
  (0, 'due'), (1, 'answered'), (2, 'received'), (3, 'installing'), (4, 'completed'), (5, 'failed'),
  (6, 'rejected'), (7, 'deferred'), (8, 'deadline'), (9, 'retry'), (10, 'cancel'), (11, 'expire');

CREATE TABLE instruction_rule (
  from_state smallint NOT NULL REFERENCES instruction_state,
  event smallint NOT NULL REFERENCES instruction_event_kind,
  to_state smallint NOT NULL REFERENCES instruction_state,
  PRIMARY KEY (from_state, event)
);
INSERT INTO instruction_rule VALUES
  (0, 0, 1), (0, 4, 5), (0, 5, 6), (0, 9, 0), (0, 10, 9), (0, 11, 10),
  (1, 1, 2), (1, 2, 3), (1, 3, 4), (1, 4, 5), (1, 5, 6), (1, 6, 7), (1, 7, 0), (1, 8, 8), (1, 10, 9),
  (2, 2, 3), (2, 3, 4), (2, 4, 5), (2, 5, 6), (2, 6, 7), (2, 7, 0), (2, 8, 8),
  (3, 3, 4), (3, 4, 5), (3, 5, 6), (3, 6, 7), (3, 7, 0), (3, 8, 8),
  (4, 3, 4), (4, 4, 5), (4, 5, 6), (4, 6, 7), (4, 7, 0), (4, 8, 8),
  (6, 9, 0),
  (8, 9, 0), (8, 4, 5);

-- This installation: its epoch goes into every signed instruction, and a device refuses a lower one than
-- it has seen. It is raised by hand after the database was put back from a backup.
CREATE TABLE installation (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  epoch bigint NOT NULL DEFAULT 1
);
INSERT INTO installation DEFAULT VALUES;

-- What only one orchestrator may do at a time: whoever holds the row, in this epoch.
CREATE TABLE lease (
  name text PRIMARY KEY,
  instance text NOT NULL,
  epoch bigint NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE branch (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  zone text NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE device (
  id text COLLATE "C" PRIMARY KEY,
  branch text COLLATE "C" REFERENCES branch,
  role text NOT NULL CHECK (role IN ('node', 'atm', 'pull')),
  zone text, -- of a device without a branch
  model text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '{}',
  versions jsonb NOT NULL DEFAULT '{}', -- as the device itself last said
  versions_at timestamptz,
  CHECK (role = 'pull' OR branch IS NOT NULL),
  CHECK (role <> 'node' OR branch = id)
) WITH (fillfactor = 80);
CREATE INDEX device_branch ON device (branch);

CREATE TABLE artifact (
  name text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  sha256 text NOT NULL,
  size_bytes bigint NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  author text NOT NULL,
  PRIMARY KEY (name, version)
);

CREATE TABLE rollout (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  digest text NOT NULL,
  plan jsonb NOT NULL,          -- canonical
  shared_claims text NOT NULL,  -- what is the same in each signed instruction of it
  state text NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'running', 'completed', 'halted')),
  detail text NOT NULL DEFAULT '',
  author text NOT NULL,
  door text NOT NULL,
  idempotency_key text UNIQUE,
  devices bigint NOT NULL,
  submitted_at timestamptz NOT NULL DEFAULT now(),
  planned_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX rollout_open ON rollout (id) WHERE state IN ('accepted', 'running');

-- How many were started in each of the last seconds, over all orchestrators.
CREATE TABLE rollout_rate (
  rollout_id bigint PRIMARY KEY REFERENCES rollout ON DELETE CASCADE,
  second bigint NOT NULL,
  starts integer[] NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE rollout_group (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  group_no smallint NOT NULL,
  name text NOT NULL,
  success double precision NOT NULL, -- percent of the executed devices that must complete
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'open', 'passed', 'not_reached')),
  devices bigint NOT NULL DEFAULT 0,
  opened_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (rollout_id, group_no)
);

CREATE TABLE rollout_zone (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  zone_no smallint NOT NULL,
  zone text NOT NULL,
  PRIMARY KEY (rollout_id, zone_no)
);

-- When devices of a zone may start and must have ended: the plan's windows less its blackouts.
CREATE TABLE rollout_window (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  zone_no smallint NOT NULL,
  opens_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL,
  PRIMARY KEY (rollout_id, zone_no, opens_at),
  CHECK (opens_at < closes_at)
);

-- One device's part of a rollout. Rows are no foreign keys (the planner
-- makes them all in one statement) and room in each page, so that most moves stay within their page.
CREATE SEQUENCE instruction_id;
CREATE TABLE instruction (
  id bigint NOT NULL DEFAULT nextval('instruction_id') PRIMARY KEY,
  rollout_id bigint NOT NULL,
  planned_at timestamptz,   -- the forecast; null when no window of the plan has room for it
  due_at timestamptz,       -- not null: it waits to be started, not before this
  wake_at timestamptz,      -- not null: the conductor must look at it then
  start_before timestamptz, -- no effect may begin after this
  dispatched_at timestamptz,
  sent_at timestamptz,
  received_at timestamptz,
  installing_at timestamptz,
  ended_at timestamptz,
  attempt integer NOT NULL DEFAULT 1,
  sequence integer NOT NULL DEFAULT 0,
  group_no smallint NOT NULL,
  zone_no smallint NOT NULL,
  state smallint NOT NULL DEFAULT 0,
  failures smallint NOT NULL DEFAULT 0,
  deferrals smallint NOT NULL DEFAULT 0,
  progress smallint,
  pull boolean NOT NULL,
  in_flight boolean NOT NULL DEFAULT false,
  device text COLLATE "C" NOT NULL,
  branch text COLLATE "C",
  code text,
  detail text
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX instruction_device ON instruction (device, rollout_id);
-- The indexed columns below change twice in a life, at the claim and at the end; all moves between are HOT.
CREATE INDEX instruction_due ON instruction (rollout_id, group_no, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX instruction_wake ON instruction (rollout_id, wake_at) WHERE wake_at IS NOT NULL;
-- What is in flight, one at a time on a device, and of a branch. Each condition names its column, so that neither
-- index can serve a look at the other's: while statistics say that nothing flies, reading all of the wrong one seems
-- to cost no more than a probe of the right one.
CREATE UNIQUE INDEX instruction_flight ON instruction (device) WHERE in_flight AND device IS NOT NULL;
CREATE INDEX instruction_branch_flight ON instruction (branch) WHERE in_flight AND branch IS NOT NULL;

-- How many instructions of a group are in a state: the sum over the shards. Each writer has its own shard,
-- so that no two wait for each other.
CREATE TABLE counter (
  rollout_id bigint NOT NULL,
  group_no smallint NOT NULL,
  state smallint NOT NULL,
  shard integer NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (rollout_id, group_no, state, shard)
) WITH (fillfactor = 30);

-- What is worth telling of an instruction beyond its row: attempts that ended otherwise than completed.
CREATE TABLE instruction_event (
  instruction_id bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  attempt integer NOT NULL,
  state smallint NOT NULL,
  code text NOT NULL,
  detail text NOT NULL
);
CREATE INDEX instruction_event_instruction ON instruction_event (instruction_id);

-- What an orchestrator has claimed and not yet delivered to the broker. When its lease runs out another
-- takes it over.
CREATE TABLE claim (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  instance text NOT NULL,
  lease_until timestamptz NOT NULL,
  rollout_id bigint NOT NULL,
  instructions bigint[] NOT NULL
);

-- The devices that a selector takes, with the zone and the labels that hold for each. Empty arrays and
-- objects select everything; what is given must all be true. A device has its branch's labels, its own
-- over them, and its model, role and branch as labels too.
CREATE FUNCTION device_scope(branches text[], devices text[], match_labels jsonb, match_expressions jsonb,
                             artifact text, from_versions text[])
RETURNS TABLE (device text, branch text, role text, zone text)
LANGUAGE sql STABLE AS $$
  SELECT d.id, d.branch, d.role, coalesce(b.zone, d.zone, 'UTC')
  FROM device d
  LEFT JOIN branch b ON b.id = d.branch
  WHERE (cardinality(branches) = 0 OR d.branch = ANY (branches))
    AND (cardinality(devices) = 0 OR d.id = ANY (devices))
    AND (cardinality(from_versions) = 0 OR d.versions ->> artifact = ANY (from_versions))
    AND (match_labels = '{}'
         OR coalesce(b.labels, '{}') || d.labels
            || jsonb_strip_nulls(jsonb_build_object('model', d.model, 'role', d.role, 'branch', d.branch))
            @> match_labels)
    AND (match_expressions = '[]'
         OR NOT EXISTS (
           SELECT FROM jsonb_array_elements(match_expressions) e,
             LATERAL (SELECT (coalesce(b.labels, '{}') || d.labels
                              || jsonb_build_object('model', d.model, 'role', d.role, 'branch', d.branch))
                             ->> (e ->> 'key') AS value) l
           WHERE NOT CASE e ->> 'operator'
             WHEN 'In' THEN coalesce(e -> 'values' ? l.value, false)
             WHEN 'NotIn' THEN NOT coalesce(e -> 'values' ? l.value, false)
             WHEN 'Exists' THEN l.value IS NOT NULL
             WHEN 'DoesNotExist' THEN l.value IS NULL
             ELSE false END))
$$;

-- Counts by state, as a JSON object with every state's name; for one group, or for all with null.
CREATE FUNCTION state_counts(rollout bigint, group_number smallint) RETURNS json
LANGUAGE sql STABLE AS $$
  SELECT json_object_agg(s.name, s.count ORDER BY s.state)
  FROM (SELECT st.state, st.name, coalesce(sum(c.count), 0)::bigint AS count
        FROM instruction_state st
        LEFT JOIN counter c ON c.state = st.state AND c.rollout_id = rollout
                           AND (group_number IS NULL OR c.group_no = group_number)
        GROUP BY st.state, st.name) s
$$;

-- A time as RFC 3339 in UTC with milliseconds; null for null and for infinity.
CREATE FUNCTION rfc3339(t timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN isfinite(t) THEN to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END
$$;
