-- Writes presence that the watch of generation :generation and epoch :epoch received: arrays of device, state, whether it came
-- retained, version of the agent, and age in ms; each device once. Leaves out devices that are not in the inventory, and what
-- changes nothing. A retained message has no time of its own. Returns the number of devices online and offline; no row: another
-- watch began.
-- parameters: generation bigint, epoch bigint
-- batch: device text, state smallint, retained smallint, agent text, age_ms bigint
-- row: online bigint, offline bigint
WITH watch AS MATERIALIZED (
  SELECT w.generation FROM presence_watch w WHERE w.generation = :generation AND w.epoch = :epoch FOR UPDATE
), heard AS MATERIALIZED (
  SELECT n.device, n.state, n.agent, n.retained <> 0 AS is_retained, now() - n.age_ms * interval '1 ms' AS at,
         CASE WHEN p.generation = :generation THEN p.state ELSE :PRESENCE_UNKNOWN END AS old_state
  FROM watch, unnest(:device::text[], :state::smallint[], :retained::smallint[], :agent::text[], :age_ms::bigint[])
         AS n(device, state, retained, agent, age_ms)
  JOIN device d ON d.id = n.device
  -- A look-up a row, also by a plan that was made while the table was empty.
  LEFT JOIN LATERAL (SELECT p.generation, p.state, p.agent FROM presence p WHERE p.device = n.device OFFSET 0) p ON true
  WHERE p.generation IS DISTINCT FROM :generation OR p.state <> n.state OR p.agent <> n.agent OR n.retained = 0
), written AS (
  INSERT INTO presence AS p (device, generation, state, since, heard_at, agent)
  SELECT device, :generation, state, at, CASE WHEN NOT is_retained THEN at END, agent FROM heard
  ON CONFLICT (device) DO UPDATE
    SET generation = excluded.generation,
        state = excluded.state,
        since = CASE WHEN p.generation = excluded.generation AND p.state = excluded.state THEN p.since ELSE excluded.since END,
        heard_at = coalesce(excluded.heard_at, p.heard_at),
        agent = excluded.agent
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
