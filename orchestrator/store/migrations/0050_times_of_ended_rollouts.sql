-- When the first device of an ended rollout was started, and the last one completed: each read of the rollout would look at all its
-- instructions. The planner keeps them, also of the rollouts of before.
CREATE TABLE rollout_times (
  rollout_id bigint PRIMARY KEY REFERENCES rollout ON DELETE CASCADE,
  ended_at timestamptz NOT NULL, -- of which end: a rollout that runs again has another one
  completed bigint NOT NULL, -- devices: with a late report there are more
  first_start_at timestamptz,
  last_completed_at timestamptz
);

CREATE FUNCTION completed_devices(of_rollout bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(c.count), 0)::bigint FROM counter c WHERE c.rollout_id = of_rollout AND c.state = :COMPLETED
$$;

-- Both null while the rollout has not ended: each read would look at all its instructions.
CREATE FUNCTION times_of_rollout(r rollout, OUT first_start_at timestamptz, OUT last_completed_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF r.ended_at IS NULL THEN
    RETURN;
  END IF;
  SELECT t.first_start_at, t.last_completed_at INTO first_start_at, last_completed_at
  FROM rollout_times t
  WHERE t.rollout_id = r.id AND t.ended_at = r.ended_at AND t.completed = completed_devices(r.id);
  IF NOT FOUND THEN
    SELECT min(i.dispatched_at), max(i.ended_at) FILTER (WHERE i.state = :COMPLETED) INTO first_start_at, last_completed_at
    FROM instruction i
    WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r);
  END IF;
END
$$;
