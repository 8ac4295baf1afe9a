-- Writes presence that the watch of generation :generation and epoch :epoch received: arrays of device, state, whether it came
-- retained, version of the agent, age in ms, and until when (ms; 0: not) and why a technician holds it; each device once. Leaves out devices that are not in the inventory, and what
-- changes nothing. A retained message has no time of its own. Only an online device says whether it is held; a hold is at most a
-- day long, and ends by itself: what ends later than that and an hour for the device's clock is none, so that no retained message
-- holds a device for ever. Returns the number of devices online and offline; no row: another
-- watch began.
-- parameters: generation bigint, epoch bigint
-- batch: device text, state smallint, retained smallint, agent text, age_ms bigint, held_until_ms bigint,
--   held_reason text
-- row: online bigint, offline bigint
WITH watch AS MATERIALIZED (
  SELECT w.generation FROM presence_watch w WHERE w.generation = :generation AND w.epoch = :epoch FOR UPDATE
), heard AS MATERIALIZED (
  SELECT n.device, n.state, n.agent, n.retained <> 0 AS is_retained, now() - n.age_ms * interval '1 ms' AS at,
         h.held_until, CASE WHEN h.held_until IS NULL THEN '' ELSE n.held_reason END AS held_reason,
         CASE WHEN p.generation = :generation THEN p.state ELSE :PRESENCE_UNKNOWN END AS old_state
  FROM watch, unnest(:device::text[], :state::smallint[], :retained::smallint[], :agent::text[], :age_ms::bigint[],
                     :held_until_ms::bigint[], :held_reason::text[])
         AS n(device, state, retained, agent, age_ms, held_until_ms, held_reason)
  JOIN device d ON d.id = n.device
  -- A look-up a row, also by a plan that was made while the table was empty.
  LEFT JOIN LATERAL (SELECT p.generation, p.state, p.agent, p.held_until FROM presence p WHERE p.device = n.device OFFSET 0) p ON true
  CROSS JOIN LATERAL (SELECT CASE WHEN n.state <> :PRESENCE_ONLINE THEN p.held_until
                               WHEN n.held_until_ms > 0 AND to_timestamp(n.held_until_ms / 1000.0) <= now() + interval '25 hours'
                                 THEN least(to_timestamp(n.held_until_ms / 1000.0), now() + interval '1 day')
                               END AS held_until) h
  WHERE p.generation IS DISTINCT FROM :generation OR p.state <> n.state OR p.agent <> n.agent OR n.retained = 0
        OR p.held_until IS DISTINCT FROM h.held_until
), written AS (
  INSERT INTO presence AS p (device, generation, state, since, heard_at, agent, held_until, held_reason)
  SELECT device, :generation, state, at, CASE WHEN NOT is_retained THEN at END, agent, held_until, held_reason FROM heard
  ON CONFLICT (device) DO UPDATE
    SET generation = excluded.generation,
        state = excluded.state,
        since = CASE WHEN p.generation = excluded.generation AND p.state = excluded.state THEN p.since ELSE excluded.since END,
        heard_at = coalesce(excluded.heard_at, p.heard_at),
        agent = excluded.agent,
        held_until = excluded.held_until,
        held_reason = CASE WHEN excluded.state = :PRESENCE_ONLINE THEN excluded.held_reason ELSE p.held_reason END
), change AS (
  SELECT count(*) FILTER (WHERE state = :PRESENCE_ONLINE) - count(*) FILTER (WHERE old_state = :PRESENCE_ONLINE) AS online,
         count(*) FILTER (WHERE state = :PRESENCE_OFFLINE) - count(*) FILTER (WHERE old_state = :PRESENCE_OFFLINE) AS offline
  FROM heard
)
UPDATE presence_watch w
SET online = w.online + c.online, offline = w.offline + c.offline
FROM change c, watch
WHERE w.generation = watch.generation
RETURNING w.online, w.offline
