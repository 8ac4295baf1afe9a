-- The forecasts of a rollout over time: at most one row a minute, which keeps the last forecast of that minute and what was done
-- by then. When there are many, every second one is deleted.
CREATE TABLE rollout_forecast_point (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  minute timestamptz NOT NULL,
  at timestamptz NOT NULL,
  best_end_at timestamptz NOT NULL,
  worst_end_at timestamptz NOT NULL,
  assumptions text[] NOT NULL,
  started bigint NOT NULL,
  completed bigint NOT NULL,
  failed bigint NOT NULL, -- or timed out, or refused
  PRIMARY KEY (rollout_id, minute),
  CHECK (best_end_at <= worst_end_at)
);

-- What the first forecast of a running rollout expected of each night, over all groups. A night is the local date on which its
-- window opens.
CREATE TABLE rollout_planned_night (
  rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE,
  night date NOT NULL,
  planned_at timestamptz NOT NULL DEFAULT now(),
  devices bigint NOT NULL, -- that start
  first_start_at timestamptz NOT NULL,
  last_end_at timestamptz NOT NULL,
  PRIMARY KEY (rollout_id, night)
);

-- How many devices of a rollout were started and have not been set back, how many completed, and how many ended otherwise
-- after their start.
CREATE FUNCTION rollout_done(rollout bigint, OUT started bigint, OUT completed bigint, OUT failed bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(sum(c.count) FILTER (WHERE c.state BETWEEN :DISPATCHED AND :TIMED_OUT), 0)::bigint,
         coalesce(sum(c.count) FILTER (WHERE c.state = :COMPLETED), 0)::bigint,
         coalesce(sum(c.count) FILTER (WHERE c.state BETWEEN :FAILED AND :TIMED_OUT), 0)::bigint
  FROM counter c
  WHERE c.rollout_id = rollout
$$;
