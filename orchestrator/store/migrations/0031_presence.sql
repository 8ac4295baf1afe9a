-- Whether devices are online: what the conductor last received of their retained presence, and of their wills.
CREATE TABLE presence (
  device text COLLATE "C" PRIMARY KEY,
  generation bigint NOT NULL, -- in which it was received; of another than the present one it says nothing
  state smallint NOT NULL CHECK (state IN (:PRESENCE_UNKNOWN, :PRESENCE_OFFLINE, :PRESENCE_ONLINE)),
  since timestamptz NOT NULL, -- when it was first known to be in this state
  heard_at timestamptz,       -- its last message; null: only a retained one came, which has no time
  agent text NOT NULL
) WITH (fillfactor = 90);
-- For lists. Not of all rows, so that a plan that was made while the table was empty never looks a device up by it.
CREATE INDEX presence_state ON presence (generation, state, device) WHERE state <> :PRESENCE_UNKNOWN;

-- The watch: the connection of the conductor that receives presence. A watch that may have missed something begins another
-- generation, in which every device is unknown until it is heard again.
CREATE TABLE presence_watch (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  generation bigint NOT NULL DEFAULT 0,
  watch text NOT NULL DEFAULT '', -- of the mark at the broker; '': there was none yet
  epoch bigint NOT NULL DEFAULT 0, -- of the lease of the conductor that watches
  is_complete boolean NOT NULL DEFAULT false, -- all that was retained is written, and the connection stands
  online bigint NOT NULL DEFAULT 0, -- devices of this generation, kept by each write
  offline bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO presence_watch DEFAULT VALUES;

-- The generation whose presence is true now; null: nobody watches, and every device is unknown.
CREATE FUNCTION presence_generation() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT w.generation
  FROM presence_watch w
  JOIN lease l ON l.name = 'conductor' AND l.epoch = w.epoch AND l.expires_at > now()
  WHERE w.is_complete
$$;

-- The state in that generation.
CREATE FUNCTION presence_state_of(p presence, generation bigint) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN p.generation = presence_state_of.generation THEN p.state ELSE :PRESENCE_UNKNOWN END::smallint
$$;

-- Presence for users. `reported_at`: when the device last said its versions, which it also does in asks and reports.
CREATE FUNCTION presence_told(p presence, generation bigint, reported_at timestamptz) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'state', CASE presence_state_of(p, presence_told.generation)
               WHEN :PRESENCE_ONLINE THEN 'online' WHEN :PRESENCE_OFFLINE THEN 'offline' ELSE 'unknown' END,
    'since', CASE WHEN presence_state_of(p, presence_told.generation) <> :PRESENCE_UNKNOWN THEN rfc3339(p.since) END,
    'heard_at', rfc3339(greatest(p.heard_at, reported_at)),
    'agent', nullif(p.agent, ''))
$$;
