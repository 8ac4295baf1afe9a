-- What lists find devices by: parts of their IDs, the labels that are in force, and versions. Apart from the devices, so that
-- the upgrade of a large fleet locks none of them while it fills this table. Triggers keep it, whichever version of an
-- orchestrator imports a fleet.
CREATE TABLE device_search (
  device text COLLATE "C" PRIMARY KEY,
  labels jsonb NOT NULL -- labels_in_force() of the device
);

-- An orchestrator of the version before imports through the triggers from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, INSERT, UPDATE ON device_search TO tellercast_run;
  END IF;
END
$$;

-- Each three characters in a row of an ID, or of a part of one, in lower case.
CREATE FUNCTION id_parts(id text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT substr(lower(id COLLATE "C"), n, 3)), '{}') FROM generate_series(1, length(id) - 2) n
$$;

INSERT INTO device_search (device, labels)
SELECT d.id, labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
FROM device d LEFT JOIN branch b ON b.id = d.branch
ORDER BY d.id;

CREATE INDEX device_search_found ON device_search USING gin (id_parts(device), labels jsonb_path_ops);

-- The branches are locked, so that their labels do not change before the devices are committed.
CREATE FUNCTION devices_added() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM branch b WHERE b.id IN (SELECT a.branch FROM added a) ORDER BY b.id FOR SHARE;
  INSERT INTO device_search (device, labels)
  SELECT a.id, labels_in_force(b.labels, a.labels, a.model, a.role, a.branch)
  FROM added a LEFT JOIN branch b ON b.id = a.branch
  ORDER BY a.id;
  RETURN NULL;
END
$$;

CREATE FUNCTION device_labelled() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  of_branch jsonb;
BEGIN
  SELECT b.labels INTO of_branch FROM branch b WHERE b.id = NEW.branch FOR SHARE;
  UPDATE device_search s
  SET labels = labels_in_force(of_branch, NEW.labels, NEW.model, NEW.role, NEW.branch)
  WHERE s.device = NEW.id AND s.labels <> labels_in_force(of_branch, NEW.labels, NEW.model, NEW.role, NEW.branch);
  RETURN NULL;
END
$$;

CREATE FUNCTION branch_labelled() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE device_search s
  SET labels = labels_in_force(NEW.labels, d.labels, d.model, d.role, d.branch)
  FROM device d
  WHERE d.branch = NEW.id AND s.device = d.id;
  RETURN NULL;
END
$$;

-- From here on no device changes until the migration ends.
CREATE TRIGGER devices_added AFTER INSERT ON device REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION devices_added();
CREATE TRIGGER device_labelled AFTER UPDATE OF branch, role, model, labels ON device FOR EACH ROW
  EXECUTE FUNCTION device_labelled();
CREATE TRIGGER branch_labelled AFTER UPDATE OF labels ON branch FOR EACH ROW
  WHEN (OLD.labels <> NEW.labels) EXECUTE FUNCTION branch_labelled();

-- What was imported meanwhile.
INSERT INTO device_search (device, labels)
SELECT d.id, labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
FROM device d
LEFT JOIN branch b ON b.id = d.branch
LEFT JOIN device_search s ON s.device = d.id
WHERE s.labels IS DISTINCT FROM labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
ON CONFLICT (device) DO UPDATE SET labels = excluded.labels;

-- Each row is of a device that the statements above have read, and no device is deleted: to look for each again would keep the
-- devices from changing for longer.
ALTER TABLE device_search ADD FOREIGN KEY (device) REFERENCES device ON UPDATE CASCADE ON DELETE CASCADE NOT VALID;

-- Whether a device is retired, unavailable (a rollout took it out of service), in flight (it is at work on an instruction)
-- or idle.
CREATE FUNCTION device_state(of_device text, retired_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN retired_at IS NOT NULL THEN :DEVICE_RETIRED
           WHEN EXISTS (SELECT FROM unavailable u WHERE u.device = of_device) THEN :DEVICE_UNAVAILABLE
           WHEN EXISTS (SELECT FROM instruction i WHERE i.device = of_device AND i.in_flight) THEN :DEVICE_IN_FLIGHT
           ELSE :DEVICE_IDLE END
$$;

-- The devices among which a list finds those that it shows, by an index. If at most `few` devices have a part of the ID, the
-- labels and the patterns, or the versions, these: then no other device can be in the list. Otherwise the next `most` after
-- device `after`, in the order of their IDs, of all or of those that can be in a state. An empty part, `{}` or '': any;
-- patterns null: all.
CREATE FUNCTION devices_to_search(part text, of_labels jsonb, of_versions jsonb, of_state text, patterns jsonb, after text,
                                  few bigint, most bigint)
RETURNS TABLE (device text, labels jsonb, is_few boolean)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  has_part boolean := length(part) >= 3;
  has_labels boolean := of_labels <> '{}' OR patterns IS NOT NULL;
  found text[];
BEGIN
  -- A condition of the index that any device meets would make it read all of the index.
  IF has_part OR has_labels THEN
    found := ARRAY(
      SELECT DISTINCT f.device
      FROM jsonb_array_elements(coalesce(patterns, '[{}]')) p,
      LATERAL (SELECT s.device FROM device_search s
               WHERE has_part AND NOT has_labels
                 AND id_parts(s.device) @> id_parts(part) AND strpos(lower(s.device), lower(part)) > 0
               UNION ALL
               SELECT s.device FROM device_search s
               WHERE has_labels AND NOT has_part AND s.labels @> p.value AND s.labels @> of_labels
               UNION ALL
               SELECT s.device FROM device_search s
               WHERE has_labels AND has_part AND s.labels @> p.value AND s.labels @> of_labels
                 AND id_parts(s.device) @> id_parts(part) AND strpos(lower(s.device), lower(part)) > 0
               LIMIT few + 1) f);
  END IF;
  IF of_versions <> '{}' AND (found IS NULL OR cardinality(found) > few) THEN
    found := ARRAY(SELECT d.id FROM device d WHERE d.versions @> of_versions LIMIT few + 1);
  END IF;
  IF cardinality(found) <= few THEN
    RETURN QUERY SELECT s.device, s.labels, true FROM device_search s WHERE s.device = ANY (found);
  ELSIF of_state = :DEVICE_RETIRED THEN
    RETURN QUERY SELECT s.device, s.labels, false
                 FROM (SELECT d.id FROM device d WHERE d.retired_at IS NOT NULL AND d.id > after ORDER BY d.id LIMIT most) d
                 JOIN device_search s ON s.device = d.id;
  ELSIF of_state = :DEVICE_UNAVAILABLE THEN
    RETURN QUERY SELECT s.device, s.labels, false
                 FROM (SELECT u.device FROM unavailable u WHERE u.device > after ORDER BY u.device LIMIT most) u
                 JOIN device_search s ON s.device = u.device;
  ELSIF of_state = :DEVICE_IN_FLIGHT THEN
    RETURN QUERY SELECT s.device, s.labels, false
                 FROM (SELECT i.device FROM instruction i
                       WHERE i.in_flight AND i.device IS NOT NULL AND i.device > after ORDER BY i.device LIMIT most) i
                 JOIN device_search s ON s.device = i.device;
  ELSE
    RETURN QUERY SELECT s.device, s.labels, false
                 FROM device_search s WHERE s.device > after ORDER BY s.device LIMIT most;
  END IF;
END
$$;

-- How a branch uses its machines now, as a claim counts them. in_flight: devices with an instruction in flight, or one that
-- was given up and may still install; unavailable: machines that rollouts took out of service; used: devices that are one
-- of both; machines_left: machines that are neither; budget: how many may be in use at once, by the tightest budget of the
-- rollouts in flight there; null: no budget holds now.
CREATE FUNCTION branch_use(of_branch text, machines integer)
RETURNS TABLE (in_flight bigint, unavailable bigint, used bigint, machines_left bigint, budget integer)
LANGUAGE sql STABLE AS $$
  SELECT count(DISTINCT f.device) FILTER (WHERE NOT f.is_down), count(DISTINCT f.device) FILTER (WHERE f.is_down),
         count(DISTINCT f.device), machines - count(DISTINCT f.device) FILTER (WHERE f.device <> of_branch),
         min(CASE WHEN NOT f.is_down THEN
               (SELECT branch_room(machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)
                FROM rollout r WHERE r.id = f.rollout_id) END)
  FROM (SELECT i.device, i.rollout_id, false AS is_down
        FROM instruction i WHERE i.branch = of_branch AND i.branch IS NOT NULL AND i.in_flight
        UNION ALL
        SELECT o.device, o.rollout_id, false
        FROM instruction o WHERE o.branch = of_branch AND o.branch IS NOT NULL AND o.may_install_until > now()
        UNION ALL
        SELECT u.device, u.rollout_id, true FROM unavailable u WHERE u.branch = of_branch) f
$$;

-- Whether a device is in one of the patterns; null: everywhere.
CREATE FUNCTION device_is_within(of_device text, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT patterns IS NULL
      OR coalesce((SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                   FROM device_search s WHERE s.device = of_device), false)
$$;

-- Whether each device of a branch is in one of the patterns; null: everywhere. A branch without devices is in none.
CREATE FUNCTION branch_is_within(of_branch text, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT patterns IS NULL
      OR coalesce((SELECT bool_and(s.is_within)
                   FROM (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns))) AS is_within
                         FROM device d JOIN device_search s ON s.device = d.id
                         WHERE d.branch = of_branch) s), false)
$$;

-- Whether all devices of a rollout are in the patterns; null: everywhere. False, too, when a list cannot tell without reading too
-- much. True when its author had to keep to them; or, of at most ten thousand devices, when all of them wait and are in them, or
-- as many devices in them as it has, among the first ten thousand, are its own. An act on the rollout is decided by all its
-- devices.
CREATE FUNCTION rollout_is_within(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
  SELECT CASE
    WHEN patterns IS NULL OR patterns_cover(patterns, r.author_scope::jsonb) THEN true
    WHEN r.planned_at IS NULL OR r.devices NOT BETWEEN 1 AND 10000 THEN false
    WHEN (SELECT count(*) = r.devices
                 AND bool_and(coalesce(s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns))), false))
          FROM (SELECT i.device FROM instruction i
                WHERE i.rollout_id = r.id AND i.due_at IS NOT NULL
                ORDER BY i.group_no, i.due_at, i.id -- of the index
                LIMIT 10001) i,
          LATERAL (SELECT (SELECT f.labels FROM device_search f WHERE f.device = i.device) AS labels OFFSET 0) s) THEN true
    ELSE (SELECT count(*) = r.devices
          FROM (SELECT DISTINCT f.device
                FROM (SELECT s.device
                      FROM jsonb_array_elements(patterns) p,
                      LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value OFFSET 0) s
                      LIMIT 10001) f) m,
          LATERAL (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = r.id OFFSET 0) i)
  END
$$;

-- Why a person may not approve what another one ordered; null: nothing stands against it. `ordered`: one of those who ordered it
-- is the person; `decided`: the person has decided it.
CREATE FUNCTION not_approved_by(may boolean, ordered boolean, decided boolean, unknown_author text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN NOT may THEN :NEEDS_ROLE WHEN ordered THEN :OWN_ORDER WHEN unknown_author IS NOT NULL THEN :UNKNOWN_AUTHOR
           WHEN decided THEN :DECIDED_BEFORE END
$$;

-- Who wrote the plan of a rollout: whether this person is an author, and an author whose name is linked to no person.
CREATE FUNCTION rollout_authors(r rollout, person text) RETURNS TABLE (is_author boolean, unknown_author text)
LANGUAGE sql STABLE AS $$
  SELECT acting_person(r.author) = person OR coalesce(bool_or(acting_person(e.actor) = person), false),
         CASE WHEN actor_is_known(r.author) THEN min(e.actor) FILTER (WHERE NOT actor_is_known(e.actor)) ELSE r.author END
  FROM rollout_event e
  WHERE e.rollout_id = r.id AND e.kind IN (:KIND_SUBMITTED, :KIND_REVISED)
$$;
