-- Orders that nothing starts in a scope, over all rollouts. A freeze stays in force until people lift it, also after the time
-- until which it was meant.
CREATE TABLE freeze_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope jsonb NOT NULL CHECK (jsonb_typeof(scope) = 'object'), -- as that of a role: {} is everything
  patterns jsonb[] NOT NULL, -- scope_patterns(scope)
  except_rollback boolean NOT NULL, -- rollouts that roll back start all the same
  until timestamptz NOT NULL,
  reason text NOT NULL,
  frozen_by text COLLATE "C" NOT NULL,
  frozen_at timestamptz NOT NULL,
  lift_ordered_by text COLLATE "C", -- it waits until another person confirms it
  lift_reason text,
  lift_ordered_at timestamptz,
  lifted_by text COLLATE "C",
  lifted_reason text,
  lifted_at timestamptz
);
CREATE INDEX freeze_in_force ON freeze_order (id) WHERE lifted_at IS NULL;
CREATE INDEX freeze_end ON freeze_order (coalesce(lifted_at, 'infinity'::timestamptz));

-- What a freeze touches of a rollout that runs or is paused: the conductor looks at its waiting instructions page by page,
-- in the order of the index instruction_due.
CREATE TABLE frozen_rollout (
  freeze_id bigint NOT NULL REFERENCES freeze_order,
  rollout_id bigint NOT NULL REFERENCES rollout,
  seen_group smallint NOT NULL, -- the last instruction that was looked at
  seen_due_at timestamptz NOT NULL,
  seen_instruction bigint NOT NULL,
  is_whole boolean NOT NULL, -- all were looked at
  groups smallint[] NOT NULL, -- those with a device in the scope, as far as it was looked
  PRIMARY KEY (rollout_id, freeze_id)
);
CREATE INDEX frozen_rollout_freeze ON frozen_rollout (freeze_id);

-- The devices in the scope of each freeze, present and past. Read by a device: the labels of each are looked up.
CREATE VIEW frozen_device AS
SELECT d.id AS device, f.id AS freeze_id, f.except_rollback, f.frozen_at, f.lifted_at
FROM device d, freeze_order f
WHERE labels_in_force((SELECT b.labels FROM branch b WHERE b.id = d.branch), d.labels, d.model, d.role, d.branch) @> ANY (f.patterns);

INSERT INTO instruction_event_kind VALUES (:ON_FROZEN, 'frozen');
INSERT INTO instruction_transition VALUES
  (:DISPATCHED, :WITHDRAWING, :ON_FROZEN, :CREATED, :SCHEDULED);

-- Whether a freeze in force keeps a waiting group from opening: it has a device in the scope, or that is not known yet.
CREATE FUNCTION group_is_frozen(of_rollout bigint, of_group smallint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT EXISTS (SELECT FROM freeze_order f WHERE f.lifted_at IS NULL)
     AND EXISTS (SELECT
                 FROM rollout r, freeze_order f
                 LEFT JOIN frozen_rollout t ON t.freeze_id = f.id AND t.rollout_id = of_rollout
                 WHERE r.id = of_rollout AND f.lifted_at IS NULL
                   AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
                   AND (f.scope = '{}' OR t.is_whole IS NOT TRUE OR of_group = ANY (t.groups)))
$$;

-- Whether scopes may have a device in common: no label that both name differs.
CREATE FUNCTION patterns_meet(patterns jsonb[], others jsonb[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT EXISTS (SELECT FROM unnest(patterns) p, unnest(others) o
                 WHERE NOT EXISTS (SELECT FROM jsonb_each(p) l WHERE o -> l.key <> l.value))
$$;

-- What a freeze is of and until when, in words: for the events of rollouts.
CREATE FUNCTION freeze_words(f freeze_order) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT 'freeze ' || f.id || ' of '
         || coalesce((SELECT string_agg(l.key || '=' || (SELECT string_agg(v, ',') FROM jsonb_array_elements_text(l.value) v),
                                        ';' ORDER BY l.key)
                      FROM jsonb_each(f.scope) l), 'everything')
         || CASE WHEN f.except_rollback THEN ', except rollbacks,' ELSE '' END || ' until ' || rfc3339(f.until)
$$;

-- A freeze as JSON.
CREATE FUNCTION freeze_told(f freeze_order) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'freeze', f.id, 'match', f.scope, 'except', CASE WHEN f.except_rollback THEN json_build_array('rollback') ELSE '[]'::json END,
    'until', rfc3339(f.until), 'reason', f.reason, 'by', f.frozen_by, 'at', rfc3339(f.frozen_at),
    'state', CASE WHEN f.lifted_at IS NULL THEN :FREEZE_IN_FORCE ELSE :FREEZE_LIFTED END,
    'is_overdue', f.lifted_at IS NULL AND f.until <= now(),
    'lift', CASE WHEN f.lift_ordered_by IS NOT NULL AND f.lifted_at IS NULL
              THEN json_build_object('by', f.lift_ordered_by, 'at', rfc3339(f.lift_ordered_at), 'reason', f.lift_reason) END,
    'lifted', CASE WHEN f.lifted_at IS NOT NULL
                THEN json_build_object('by', f.lifted_by, 'at', rfc3339(f.lifted_at), 'reason', f.lifted_reason) END)
$$;

-- The freezes in force that touch a rollout which has not ended, as JSON; those that may touch :patterns (null: all).
CREATE FUNCTION freezes_of_rollout(r rollout, patterns jsonb) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(json_agg(freeze_told(f) ORDER BY f.id), '[]')
  FROM freeze_order f
  WHERE f.lifted_at IS NULL AND r.ended_at IS NULL AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
    AND (f.scope = '{}'
         OR EXISTS (SELECT FROM frozen_rollout t
                    WHERE t.rollout_id = r.id AND t.freeze_id = f.id AND cardinality(t.groups) > 0))
    AND (freezes_of_rollout.patterns IS NULL
         OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(freezes_of_rollout.patterns))))
$$;
