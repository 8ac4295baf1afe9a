-- The broker's guard has the table of devices: which branch and role each has, and whether it is retired. The version tells
-- which devices changed since it was sent.
CREATE TABLE directory (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  version bigint NOT NULL DEFAULT 0
);
INSERT INTO directory DEFAULT VALUES;

ALTER TABLE device
  ADD COLUMN directory_version bigint NOT NULL DEFAULT 0, -- of the directory, when its row there last changed
  -- A retired device gets nothing any more, and its ID stays taken.
  ADD COLUMN retired_at timestamptz,
  ADD COLUMN retired_by text,
  ADD COLUMN retired_reason text;
CREATE INDEX device_retired ON device (id) WHERE retired_at IS NOT NULL;

-- Of the directory, when the certificate was revoked.
ALTER TABLE device_certificate ADD COLUMN directory_version bigint NOT NULL DEFAULT 0;

-- A retired device needs no new signing key.
CREATE OR REPLACE VIEW device_in_service AS SELECT id, branch, trusted_keys FROM device WHERE retired_at IS NULL;

INSERT INTO instruction_event_kind VALUES (:ON_RETIRED, 'retired');
INSERT INTO instruction_transition VALUES
  (:CREATED, :SCHEDULED, :ON_RETIRED, :CANCELLED, :FINAL),
  (:CREATED, :NO_WINDOW, :ON_RETIRED, :CANCELLED, :FINAL),
  (:CREATED, :DEFERRED, :ON_RETIRED, :CANCELLED, :FINAL),
  (:CREATED, :ADMITTED, :ON_RETIRED, :CANCELLED, :FINAL),
  (:DISPATCHED, :ACTIVE, :ON_RETIRED, :CANCELLED, :FINAL),
  (:DISPATCHED, :WITHDRAWING, :ON_RETIRED, :CANCELLED, :FINAL),
  (:SENT, :ACTIVE, :ON_RETIRED, :CANCELLED, :FINAL),
  (:RECEIVED, :ACTIVE, :ON_RETIRED, :CANCELLED, :FINAL),
  (:RECEIVED, :WITHDRAWING, :ON_RETIRED, :CANCELLED, :FINAL),
  (:INSTALLING, :ACTIVE, :ON_RETIRED, :CANCELLED, :FINAL),
  (:FAILED, :UNDECIDED, :ON_RETIRED, :FAILED, :FINAL),
  (:TIMED_OUT, :UNDECIDED, :ON_RETIRED, :TIMED_OUT, :FINAL);

-- As before, without retired devices. `origin` is {"completedIn": name, "outOfService": "include"}: only
-- devices that completed that rollout; or also those that it took out of service. Null: any.
CREATE OR REPLACE FUNCTION device_scope(branches text[], devices text[], match_labels jsonb, match_expressions jsonb,
                             artifact text, from_versions text[], origin jsonb)
RETURNS TABLE (device text, branch text, role text, zone text, own_zone text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT d.id, d.branch, d.role, coalesce(b.zone, d.zone, 'UTC'), coalesce(d.zone, 'UTC')
  FROM device d
  LEFT JOIN branch b ON b.id = d.branch
  WHERE d.retired_at IS NULL
    AND (cardinality(branches) = 0 OR d.branch = ANY (branches))
    AND (cardinality(devices) = 0 OR d.id = ANY (devices))
    AND (cardinality(from_versions) = 0 OR d.versions ->> artifact = ANY (from_versions))
    AND (origin ->> 'completedIn' IS NULL
         OR EXISTS (SELECT FROM instruction i
                    WHERE i.device = d.id
                      AND i.rollout_id = (SELECT r.id FROM rollout r WHERE r.name = origin ->> 'completedIn')
                      AND (i.state = :COMPLETED
                           OR origin ->> 'outOfService' = 'include'
                              AND was_out_of_service(i))))
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
