-- What was taken out of a running rollout: the devices of a scope, or one device. It holds for as long as the rollout has
-- instructions, for the devices that are in the scope by the labels that they have then. The conductor looks at the waiting
-- instructions page by page, in the order of the index instruction_due, and ends those of it.
CREATE TABLE exclusion (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  device text COLLATE "C", -- the one that is skipped; null: a scope
  scope jsonb NOT NULL CHECK (jsonb_typeof(scope) = 'object'), -- as that of a role; {} of a device
  patterns jsonb[] NOT NULL, -- scope_patterns(scope); {} of a device
  reason text NOT NULL,
  excluded_by text COLLATE "C" NOT NULL,
  excluded_at timestamptz NOT NULL,
  ended bigint NOT NULL DEFAULT 0, -- instructions that it ended before they were started
  is_whole boolean NOT NULL DEFAULT false, -- all were looked at
  seen_version bigint NOT NULL DEFAULT 0, -- of the rollout, when the look began
  seen_group smallint NOT NULL DEFAULT 0, -- the last instruction that was looked at
  seen_due_at timestamptz NOT NULL DEFAULT '-infinity',
  seen_instruction bigint NOT NULL DEFAULT 0
);
CREATE INDEX exclusion_rollout ON exclusion (rollout_id, device);

-- How many exclusions the rollout has: most have none, so that statements need not look for any. A claim that began before one was
-- committed claims nothing, since the version of the rollout is another one.
ALTER TABLE rollout ADD COLUMN exclusions bigint NOT NULL DEFAULT 0;

-- While a group is paused nothing of it is claimed. What was dispatched before, and not answered, may still start, as in a pause
-- of the rollout.
ALTER TABLE rollout_group
  ADD COLUMN paused_at timestamptz,
  ADD COLUMN paused_by text COLLATE "C",
  ADD COLUMN paused_reason text;

-- The first exclusion by which a device is out of a rollout; null: it is not. Each statement looks first whether the rollout has
-- any: this is not cheap for each of many devices. Each search is one of the index, however many single devices are out.
CREATE FUNCTION exclusion_of(of_rollout bigint, of_device text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT least((SELECT min(x.id) FROM exclusion x WHERE x.rollout_id = of_rollout AND x.device = of_device),
               (SELECT min(x.id)
                FROM exclusion x
                WHERE x.rollout_id = of_rollout AND x.device IS NULL
                  AND (SELECT labels_in_force((SELECT b.labels FROM branch b WHERE b.id = d.branch), d.labels, d.model, d.role, d.branch)
                       FROM device d WHERE d.id = of_device) @> ANY (x.patterns)))
$$;

-- What an exclusion is of, in words: for the events of rollouts.
CREATE FUNCTION exclusion_words(of_device text, of_scope jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(of_device,
                  (SELECT string_agg(l.key || '=' || (SELECT string_agg(v, ',') FROM jsonb_array_elements_text(l.value) v),
                                     ';' ORDER BY l.key)
                   FROM jsonb_each(of_scope) l))
$$;

-- An exclusion as JSON.
CREATE FUNCTION exclusion_told(x exclusion) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object('exclusion', x.id, 'match', CASE WHEN x.device IS NULL THEN x.scope END, 'device', x.device,
                           'reason', x.reason, 'by', x.excluded_by, 'at', rfc3339(x.excluded_at), 'ended', x.ended,
                           'is_whole', x.is_whole)
$$;

-- The exclusions of a rollout as JSON; those that may touch :patterns (null: all).
CREATE FUNCTION exclusions_of_rollout(r rollout, patterns jsonb) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(json_agg(exclusion_told(x) ORDER BY x.id), '[]')
  FROM exclusion x
  WHERE x.rollout_id = r.id
    AND (exclusions_of_rollout.patterns IS NULL
         OR CASE WHEN x.device IS NULL
              THEN patterns_meet(x.patterns, ARRAY(SELECT jsonb_array_elements(exclusions_of_rollout.patterns)))
              ELSE EXISTS (SELECT FROM device d
                           WHERE d.id = x.device
                             AND labels_in_force((SELECT b.labels FROM branch b WHERE b.id = d.branch), d.labels, d.model, d.role, d.branch)
                                 @> ANY (ARRAY(SELECT jsonb_array_elements(exclusions_of_rollout.patterns)))) END)
$$;

-- The pause of a group as JSON; null: it is not paused.
CREATE FUNCTION group_pause(g rollout_group) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object('by', g.paused_by, 'reason', g.paused_reason, 'at', rfc3339(g.paused_at))
  WHERE g.paused_at IS NOT NULL
$$;

-- What is excluded before another attempt ends as the one before it did.
INSERT INTO instruction_event_kind VALUES (:ON_LEFT_FAILED, 'left_failed'), (:ON_LEFT_TIMED_OUT, 'left_timed_out');
INSERT INTO instruction_transition VALUES
  (:CREATED, :SCHEDULED, :ON_LEFT_FAILED, :FAILED, :FINAL),
  (:CREATED, :SCHEDULED, :ON_LEFT_TIMED_OUT, :TIMED_OUT, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_LEFT_FAILED, :FAILED, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_LEFT_TIMED_OUT, :TIMED_OUT, :FINAL),
  (:CREATED, :DEFERRED, :ON_LEFT_FAILED, :FAILED, :FINAL),
  (:CREATED, :DEFERRED, :ON_LEFT_TIMED_OUT, :TIMED_OUT, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_LEFT_FAILED, :FAILED, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_LEFT_TIMED_OUT, :TIMED_OUT, :FINAL);
