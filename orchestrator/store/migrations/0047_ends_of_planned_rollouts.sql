-- As before, but not at planning: what is claimed in the windows of that end starts in time for it. Else the conductor would look at
-- what is in flight of every rollout with an end.
CREATE OR REPLACE FUNCTION limit_starts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.last_start_at := CASE WHEN OLD.state <> :ROLLOUT_ACCEPTED
                         THEN NEW.ends_at - plan_number(NEW.plan #> '{spec,execution,installTimeout}', NULL) * interval '1 s' END;
  RETURN NEW;
END
$$;

UPDATE rollout r SET last_start_at = NULL
WHERE r.last_start_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM amendment a
                  WHERE a.rollout_id = r.id AND a.kind = :AMENDMENT_END AND a.state = :AMENDMENT_IN_FORCE);
