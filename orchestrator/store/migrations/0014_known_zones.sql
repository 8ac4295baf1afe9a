-- Whether this server reckons in a zone that it knew once. pg_timezone_names says it exactly, but opens each of some 1200
-- files for it. This takes abbreviations and POSIX zones, too, so it is not for what people write.
CREATE FUNCTION zone_is_known(zone text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM now() AT TIME ZONE zone;
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END
$$;
