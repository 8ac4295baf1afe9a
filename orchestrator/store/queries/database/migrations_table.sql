-- Creates the table of applied migrations if it is missing. Runs after take_migration_turn: if two sessions created it
-- at once, one would fail.
CREATE TABLE IF NOT EXISTS migration (
  name text PRIMARY KEY,
  done_at timestamptz NOT NULL DEFAULT now()
)
