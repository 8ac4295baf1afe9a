-- A role counts where its scope says: {"region": ["emea", "apac"]} is each device whose label region has one of these values;
-- a scope of several labels wants all of them. {} is everywhere. A person may have the same role in several scopes.
ALTER TABLE person_role ADD COLUMN scope jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(scope) = 'object');
ALTER TABLE person_role DROP CONSTRAINT person_role_pkey;
ALTER TABLE person_role ADD PRIMARY KEY (person, role, scope);

-- Where the author of the plan was an operator when it was submitted, as the patterns of scope_patterns(); null: everywhere.
-- The planning checks the devices against it.
ALTER TABLE rollout ADD COLUMN author_scope json;

-- The labels of a device that hold for selectors and scopes: those of its branch, its own over them, and its model, role and
-- branch.
CREATE FUNCTION labels_in_force(of_branch jsonb, own jsonb, model text, role text, branch text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(of_branch, '{}') || own
         || jsonb_strip_nulls(jsonb_build_object('model', nullif(model, ''), 'role', role, 'branch', branch))
$$;

-- As before; by labels_in_force().
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
         OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> match_labels)
    AND (match_expressions = '[]'
         OR NOT EXISTS (
           SELECT FROM jsonb_array_elements(match_expressions) e,
             LATERAL (SELECT labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) ->> (e ->> 'key') AS value) l
           WHERE NOT CASE e ->> 'operator'
             WHEN 'In' THEN coalesce(e -> 'values' ? l.value, false)
             WHEN 'NotIn' THEN NOT coalesce(e -> 'values' ? l.value, false)
             WHEN 'Exists' THEN l.value IS NOT NULL
             WHEN 'DoesNotExist' THEN l.value IS NULL
             ELSE false END))
$$;

-- The combinations of a scope's values: a device is in the scope when its labels contain one of them.
CREATE FUNCTION scope_patterns(scope jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH RECURSIVE label AS (
    SELECT row_number() OVER (ORDER BY l.key) AS place, l.key, l.value FROM jsonb_each(scope) l
  ), combination AS (
    SELECT 0::bigint AS place, '{}'::jsonb AS pattern
    UNION ALL
    SELECT l.place, c.pattern || jsonb_build_object(l.key, v.value)
    FROM combination c JOIN label l ON l.place = c.place + 1, jsonb_array_elements(l.value) v
  )
  SELECT pattern FROM combination WHERE place = (SELECT count(*) FROM label)
$$;

-- Whether each device of the second scope is in the first one.
CREATE FUNCTION scope_covers(scope jsonb, other jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT NOT EXISTS (SELECT FROM jsonb_each(scope) l WHERE NOT coalesce(l.value @> (other -> l.key), false))
$$;

-- The same of patterns; null covers all and is covered by null alone.
CREATE FUNCTION patterns_cover(patterns jsonb, others jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT patterns IS NULL
      OR others IS NOT NULL
         AND NOT EXISTS (SELECT FROM jsonb_array_elements(others) o
                         WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(patterns) p WHERE o.value @> p.value))
$$;

-- What labels have where patterns look: 'region=apac'; '' when one of the labels is missing, so that no scope by these labels
-- has the device.
CREATE FUNCTION place_of(labels jsonb, patterns jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bool_and(labels ? k.key) THEN string_agg(k.key || '=' || (labels ->> k.key), ';' ORDER BY k.key)
           ELSE '' END
  FROM (SELECT DISTINCT jsonb_object_keys(p.value) AS key FROM jsonb_array_elements(patterns) p) k
$$;

-- The places to name in a refusal, at most five: null when there are none, '' when one of them is ''.
CREATE FUNCTION places_to_name(places text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN cardinality(places) = 0 THEN NULL
              WHEN '' = ANY (places) THEN ''
              ELSE (SELECT string_agg(p.place, ', ' ORDER BY p.place)
                    FROM (SELECT DISTINCT place FROM unnest(places) AS u(place) ORDER BY place LIMIT 5) p) END
$$;

-- The devices in one of the patterns. Devices with the same branch and labels are judged once.
CREATE FUNCTION devices_within(patterns jsonb) RETURNS TABLE (device text)
LANGUAGE sql STABLE AS $$
  WITH kind AS MATERIALIZED (
    SELECT k.branch, k.labels, k.model, k.role
    FROM (SELECT DISTINCT d.branch, d.labels, d.model, d.role FROM device d) k
    LEFT JOIN branch b ON b.id = k.branch
    WHERE labels_in_force(b.labels, k.labels, k.model, k.role, k.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(patterns)))
  )
  -- IS TRUE keeps it a look into a hash table; as a join it may become a sort of all devices.
  SELECT d.id
  FROM device d
  WHERE ((coalesce(d.branch, ''), d.labels, d.model, d.role)
         IN (SELECT coalesce(k.branch, ''), k.labels, k.model, k.role FROM kind k)) IS TRUE
$$;
