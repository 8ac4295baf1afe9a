CREATE TABLE IF NOT EXISTS migration (
  name text PRIMARY KEY,
  done_at timestamptz NOT NULL DEFAULT now()
)
