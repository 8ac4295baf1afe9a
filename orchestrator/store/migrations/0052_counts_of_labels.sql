-- How many devices have a label: so that a list of many devices need not find ten thousand to know that there are more. The planner
-- adds what has changed since in bulk.
CREATE TABLE label_count (
  label jsonb PRIMARY KEY, -- {key: value}, of the labels in force
  devices bigint NOT NULL
);

-- By how many more, or fewer: a count is the sum of both tables.
CREATE TABLE label_change (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  label jsonb NOT NULL,
  devices bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX label_change_label ON label_change (label);

-- An orchestrator of the version before imports through the triggers from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT ON label_count TO tellercast_run;
    GRANT SELECT, INSERT, DELETE ON label_change TO tellercast_run;
  END IF;
END
$$;

CREATE FUNCTION labels_added() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO label_change (label, devices)
  SELECT jsonb_build_object(l.key, l.value), count(*) FROM added a, jsonb_each(a.labels) l GROUP BY l.key, l.value;
  RETURN NULL;
END
$$;

CREATE FUNCTION labels_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO label_change (label, devices)
  SELECT l.label, l.devices
  FROM (SELECT jsonb_build_object(b.key, b.value) AS label, -1 AS devices FROM jsonb_each(OLD.labels) b
        UNION ALL
        SELECT jsonb_build_object(a.key, a.value), 1 FROM jsonb_each(NEW.labels) a) l
  WHERE NOT (OLD.labels @> l.label AND NEW.labels @> l.label);
  RETURN NULL;
END
$$;

-- From here on no fleet is imported until the migration ends: some seconds at 1,000,000 devices. Devices report and run all the while.
CREATE TRIGGER labels_added AFTER INSERT ON device_search REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION labels_added();
CREATE TRIGGER labels_changed AFTER UPDATE OF labels ON device_search FOR EACH ROW
  WHEN (OLD.labels <> NEW.labels) EXECUTE FUNCTION labels_changed();

INSERT INTO label_count (label, devices)
SELECT jsonb_build_object(l.key, l.value), sum(s.devices)
FROM (SELECT s.labels, count(*) AS devices FROM device_search s GROUP BY s.labels) s, jsonb_each(s.labels) l
GROUP BY l.key, l.value;

-- Whether more than `few` devices have the labels and are in one of the patterns (null: all), by the counts of labels alone. False,
-- too, when they do not tell: they say nothing of devices with two labels, or in two patterns.
CREATE FUNCTION labels_tell_many(of_labels jsonb, patterns jsonb, few bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT
    FROM jsonb_array_elements(coalesce(patterns, '[{}]')) p,
    LATERAL (SELECT p.value || of_labels AS label) w
    WHERE w.label @> p.value AND (SELECT count(*) FROM jsonb_object_keys(w.label)) = 1
      AND coalesce((SELECT c.devices FROM label_count c WHERE c.label = w.label), 0)
          + coalesce((SELECT sum(c.devices) FROM label_change c WHERE c.label = w.label), 0) > few)
$$;

-- As before, but asks the counts of labels first, and reads the labels of what it finds once.
CREATE OR REPLACE FUNCTION devices_to_search(part text, of_labels jsonb, of_versions jsonb, of_state text, patterns jsonb, after text,
                                             few bigint, most bigint)
RETURNS TABLE (device text, labels jsonb, is_few boolean)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  has_part boolean := length(part) >= 3;
  has_labels boolean := of_labels <> '{}' OR patterns IS NOT NULL;
  parts text[] := id_parts(part); -- once: the index makes PostgreSQL look at it again for each device
  found text[];
  labels_of_found jsonb[];
BEGIN
  -- A condition of the index that any device meets would make it read all of the index. A pattern that contradicts the labels has
  -- no device.
  IF has_part OR has_labels AND NOT labels_tell_many(of_labels, patterns, few) THEN
    SELECT coalesce(array_agg(f.device), '{}'), coalesce(array_agg(f.labels), '{}')
    INTO found, labels_of_found
    FROM (SELECT p.value || of_labels AS labels
          FROM jsonb_array_elements(coalesce(patterns, '[{}]')) p WHERE p.value || of_labels @> p.value) w,
    LATERAL (SELECT s.device, s.labels FROM device_search s
             WHERE has_part AND NOT has_labels AND id_parts(s.device) @> parts AND strpos(lower(s.device), lower(part)) > 0
             UNION ALL
             SELECT s.device, s.labels FROM device_search s
             WHERE has_labels AND NOT has_part AND s.labels @> w.labels
             UNION ALL
             SELECT s.device, s.labels FROM device_search s
             WHERE has_labels AND has_part AND s.labels @> w.labels AND id_parts(s.device) @> parts
               AND strpos(lower(s.device), lower(part)) > 0
             LIMIT few + 1) f;
    IF jsonb_array_length(patterns) > 1 THEN -- a device can be in several
      SELECT coalesce(array_agg(u.device), '{}'), coalesce(array_agg(u.labels), '{}')
      INTO found, labels_of_found
      FROM (SELECT DISTINCT ON (d.device) d.device, d.labels FROM unnest(found, labels_of_found) d(device, labels)) u;
    END IF;
  END IF;
  IF of_versions <> '{}' AND (found IS NULL OR cardinality(found) > few) THEN
    found := ARRAY(SELECT d.id FROM device d WHERE d.versions @> of_versions LIMIT few + 1);
    labels_of_found := NULL;
  END IF;
  IF cardinality(found) <= few AND labels_of_found IS NOT NULL THEN
    RETURN QUERY SELECT u.device, u.labels, true FROM unnest(found, labels_of_found) u(device, labels);
  ELSIF cardinality(found) <= few THEN
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

-- As before. Devices with the same labels are judged once, and nothing of them is looked up; a first device outside ends the search.
CREATE OR REPLACE FUNCTION branch_is_within(of_branch text, patterns jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN patterns IS NULL THEN true
    WHEN (SELECT labels_in_force((SELECT b.labels FROM branch b WHERE b.id = of_branch), d.labels, d.model, d.role, of_branch)
                 @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
          FROM device d WHERE d.branch = of_branch LIMIT 1)
      THEN (SELECT bool_and(labels_in_force((SELECT b.labels FROM branch b WHERE b.id = of_branch), k.labels, k.model, k.role, of_branch)
                            @> ANY (ARRAY(SELECT jsonb_array_elements(patterns))))
            FROM (SELECT DISTINCT d.labels, d.model, d.role FROM device d WHERE d.branch = of_branch) k)
    ELSE false
  END
$$;
