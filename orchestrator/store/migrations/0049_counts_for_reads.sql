-- How many devices of a rollout have a label: so that a list tells at once whether a rollout lies in a scope, outside, or partly in it.
-- The planner counts them, also of the rollouts of before.
CREATE TABLE rollout_label (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  label jsonb NOT NULL, -- {key: value}, of the labels in force
  devices bigint NOT NULL,
  PRIMARY KEY (rollout_id, label)
);

-- Of which rollouts they are counted. planned_at: of which planning; of an earlier one they do not hold.
CREATE TABLE rollout_labelled (
  rollout_id bigint PRIMARY KEY REFERENCES rollout ON DELETE CASCADE,
  planned_at timestamptz NOT NULL
);

-- Devices whose labels have changed since. As long as one is here, no count holds: the planner adds the changes in bulk.
CREATE TABLE relabelled (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device text COLLATE "C" NOT NULL,
  before jsonb NOT NULL,
  after jsonb NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- An orchestrator of the version before imports through the trigger from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, INSERT, DELETE ON relabelled TO tellercast_run;
  END IF;
END
$$;

CREATE FUNCTION device_relabelled() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO relabelled (device, before, after) VALUES (NEW.device, OLD.labels, NEW.labels);
  RETURN NULL;
END
$$;

CREATE TRIGGER device_relabelled AFTER UPDATE OF labels ON device_search FOR EACH ROW
  WHEN (OLD.labels <> NEW.labels) EXECUTE FUNCTION device_relabelled();

-- As before, but always by the index of the labels: with a limit, all devices were read in their order.
CREATE OR REPLACE FUNCTION devices_within(patterns jsonb) RETURNS TABLE (device text)
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT f.device
  FROM jsonb_array_elements(patterns) p,
  LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value OFFSET 0) f
$$;

-- Whether a rollout has a device in the patterns, and whether all its devices are in them, by the counts of its labels alone; null:
-- they do not tell. A device has one value of a label, so that a pattern of one label is counted exactly. Of a pattern of several
-- labels, no more devices are in it than have the rarest of them, and no fewer than are left when no device lacks two.
CREATE FUNCTION rollout_labels_tell(r rollout, patterns jsonb, OUT touches boolean, OUT is_whole boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT CASE WHEN bool_or(c.least > 0) THEN true WHEN bool_and(c.most = 0) THEN false END,
         CASE WHEN bool_or(c.least = r.devices) THEN true
           WHEN sum(c.most) < r.devices THEN false
           WHEN min(c.first_key) = max(c.last_key) THEN sum(c.most) = r.devices END -- other values of the same label
  INTO touches, is_whole
  FROM (SELECT DISTINCT p.value FROM jsonb_array_elements(patterns) p) p,
  LATERAL (
    SELECT coalesce(min(l.devices), r.devices) AS most,
           greatest(coalesce(sum(l.devices) - (count(*) - 1) * r.devices, r.devices), 0) AS least,
           coalesce(min(l.key), '') AS first_key, coalesce(max(l.key), '') AS last_key
    FROM (SELECT k.key,
                 coalesce((SELECT m.devices FROM rollout_label m
                           WHERE m.rollout_id = r.id AND m.label = jsonb_build_object(k.key, k.value)), 0) AS devices
          FROM jsonb_each(p.value) k) l
  ) c
  WHERE r.devices > 0 AND NOT EXISTS (SELECT FROM relabelled)
    AND EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at);
END
$$;

-- As before, but asks the counts of the labels first.
CREATE OR REPLACE FUNCTION rollout_is_within(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
  told boolean;
BEGIN
  IF patterns IS NULL OR patterns_cover(patterns, r.author_scope::jsonb) THEN
    RETURN true;
  ELSIF r.planned_at IS NULL THEN
    RETURN false;
  END IF;
  told := (SELECT t.is_whole FROM rollout_labels_tell(r, patterns) t);
  IF told IS NOT NULL THEN
    RETURN told;
  ELSIF r.devices NOT BETWEEN 1 AND 10000 THEN
    RETURN false;
  ELSIF r.numbered_at = r.planned_at THEN
    RETURN NOT EXISTS (SELECT FROM instruction i
                       WHERE i.rollout_id = r.id AND i.id BETWEEN r.first_instruction AND r.last_instruction
                         AND NOT coalesce((SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                                           FROM device_search s WHERE s.device = i.device), false));
  ELSIF (SELECT count(*) = r.devices
                AND bool_and(coalesce(s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns))), false))
         FROM (SELECT i.device FROM instruction i
               WHERE i.rollout_id = r.id AND i.due_at IS NOT NULL
               ORDER BY i.group_no, i.due_at, i.id -- of the index
               LIMIT 10001) i,
         LATERAL (SELECT (SELECT f.labels FROM device_search f WHERE f.device = i.device) AS labels OFFSET 0) s) THEN
    RETURN true;
  END IF;
  RETURN (SELECT count(*) = r.devices
          FROM (SELECT DISTINCT f.device
                FROM (SELECT s.device
                      FROM jsonb_array_elements(patterns) p,
                      LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value OFFSET 0) s
                      LIMIT 10001) f) m,
          LATERAL (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = r.id OFFSET 0) i);
END
$$;

CREATE OR REPLACE FUNCTION rollout_touches(r rollout, patterns jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  told boolean;
BEGIN
  IF patterns IS NULL THEN
    RETURN true;
  ELSIF r.planned_at IS NULL THEN
    RETURN patterns_cover(patterns, r.author_scope::jsonb);
  END IF;
  told := (SELECT t.touches FROM rollout_labels_tell(r, patterns) t);
  IF told IS NOT NULL THEN
    RETURN told;
  ELSIF rollout_begins_within(r, patterns) THEN
    RETURN true;
  ELSIF (SELECT count(*) FROM (SELECT FROM devices_within(patterns) LIMIT 10001) n) <= least(10000, r.devices / 4) THEN -- fewer to look up
    RETURN EXISTS (SELECT FROM devices_within(patterns) w,
                   LATERAL (SELECT FROM instruction i WHERE i.device = w.device AND i.rollout_id = r.id OFFSET 0) i);
  END IF;
  RETURN EXISTS (SELECT FROM instruction i
                 WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
                   AND (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
                        FROM device_search s WHERE s.device = i.device));
END
$$;

-- How many devices in service trust exactly these keys; null: they never named them. The planner adds what has changed since in bulk.
CREATE TABLE trusted_keys_count (
  trusted_keys text[],
  devices bigint NOT NULL
);

-- By how many more, or fewer: a count is the sum of both tables.
CREATE TABLE trusted_keys_change (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  trusted_keys text[],
  devices bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, INSERT, DELETE ON trusted_keys_change TO tellercast_run;
  END IF;
END
$$;

CREATE FUNCTION devices_with_keys_added() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO trusted_keys_change (trusted_keys, devices)
  SELECT a.trusted_keys, count(*) FROM added a WHERE a.retired_at IS NULL GROUP BY a.trusted_keys;
  RETURN NULL;
END
$$;

CREATE FUNCTION device_trusts() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO trusted_keys_change (trusted_keys, devices)
  SELECT v.trusted_keys, v.devices
  FROM (VALUES (OLD.trusted_keys, OLD.retired_at, -1), (NEW.trusted_keys, NEW.retired_at, 1)) v(trusted_keys, retired_at, devices)
  WHERE v.retired_at IS NULL;
  RETURN NULL;
END
$$;

-- From here on no device changes until the migration ends: a second at 1,000,000 devices.
CREATE TRIGGER devices_with_keys_added AFTER INSERT ON device REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION devices_with_keys_added();
CREATE TRIGGER device_trusts AFTER UPDATE OF trusted_keys, retired_at ON device FOR EACH ROW
  WHEN (OLD.trusted_keys IS DISTINCT FROM NEW.trusted_keys OR (OLD.retired_at IS NULL) <> (NEW.retired_at IS NULL))
  EXECUTE FUNCTION device_trusts();

INSERT INTO trusted_keys_count (trusted_keys, devices)
SELECT d.trusted_keys, count(*) FROM device d WHERE d.retired_at IS NULL GROUP BY d.trusted_keys;
