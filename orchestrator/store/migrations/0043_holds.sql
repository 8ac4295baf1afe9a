-- A technician's hold, as the device's presence says it. An orchestrator of the version before leaves it as it is; it ends by its time.
ALTER TABLE presence ADD COLUMN held_until timestamptz, ADD COLUMN held_reason text NOT NULL DEFAULT '';

-- As before; with the hold that stands.
CREATE OR REPLACE FUNCTION presence_told(p presence, generation bigint, reported_at timestamptz) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'state', CASE presence_state_of(p, presence_told.generation)
               WHEN :PRESENCE_ONLINE THEN 'online' WHEN :PRESENCE_OFFLINE THEN 'offline' ELSE 'unknown' END,
    'since', CASE WHEN presence_state_of(p, presence_told.generation) <> :PRESENCE_UNKNOWN THEN rfc3339(p.since) END,
    'heard_at', rfc3339(greatest(p.heard_at, reported_at)),
    'agent', nullif(p.agent, ''),
    'hold', CASE WHEN p.held_until > now() THEN json_build_object('until', rfc3339(p.held_until), 'reason', p.held_reason) END)
$$;
