-- Numbers of a plan for statements that look at many rollouts: what stands there and is no such number, since a later
-- version wrote it, gives null instead of a fault of the whole statement. A key that is absent or null gives `absent`.
-- The longest number of a plan that is accepted has nine digits.
CREATE FUNCTION plan_number(value jsonb, absent bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN value IS NULL OR jsonb_typeof(value) = 'null' THEN absent
              WHEN jsonb_typeof(value) = 'number' AND value #>> '{}' ~ '^[0-9]{1,9}$' THEN (value #>> '{}')::bigint END
$$;

CREATE FUNCTION plan_decimal(value jsonb, absent double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN value IS NULL OR jsonb_typeof(value) = 'null' THEN absent
              WHEN jsonb_typeof(value) = 'number' AND value #>> '{}' ~ '^[0-9]{1,9}([.][0-9]{1,20})?$'
                THEN (value #>> '{}')::double precision END
$$;
