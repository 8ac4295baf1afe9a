-- When a rollout that runs will end, as the conductor reckons now and then. It stands apart from the rollout, whose row
-- claims look at all the time.
CREATE TABLE rollout_forecast (
  rollout_id bigint PRIMARY KEY REFERENCES rollout ON DELETE CASCADE,
  end_at timestamptz,
  at timestamptz NOT NULL DEFAULT now()
);
