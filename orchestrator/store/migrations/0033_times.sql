-- Times as explanations need them: as a number of milliseconds, 0 for none; and as people read them on a clock of that zone,
-- with the date unless it is today there.

CREATE FUNCTION epoch_ms(t timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN isfinite(t) THEN (extract(epoch FROM t) * 1000)::bigint ELSE 0 END
$$;

CREATE FUNCTION time_told(t timestamptz, zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN isfinite(t) THEN
           concat(CASE WHEN (t AT TIME ZONE zone)::date <> (now() AT TIME ZONE zone)::date
                    THEN to_char(t AT TIME ZONE zone, 'YYYY-MM-DD ') END,
                  left((t AT TIME ZONE zone)::time::text, 5), ' ', zone)
         ELSE '' END
$$;
