-- Writes what the first forecast of rollout :rollout expects of each night: in days since 1970, the devices that start, and times
-- in ms since the epoch. Changes nothing when there is a forecast already.
-- parameters: rollout bigint
-- batch: night bigint, devices bigint, first_start_ms bigint, last_end_ms bigint
INSERT INTO rollout_planned_night (rollout_id, night, devices, first_start_at, last_end_at)
SELECT :rollout, date '1970-01-01' + n.night::integer, sum(n.devices)::bigint, to_timestamp(min(n.first_start_ms) / 1000.0),
       to_timestamp(max(n.last_end_ms) / 1000.0)
FROM unnest(:night::bigint[], :devices::bigint[], :first_start_ms::bigint[], :last_end_ms::bigint[])
     AS n(night, devices, first_start_ms, last_end_ms)
WHERE NOT EXISTS (SELECT FROM rollout_forecast_point p WHERE p.rollout_id = :rollout)
  AND NOT EXISTS (SELECT FROM rollout_planned_night p WHERE p.rollout_id = :rollout)
GROUP BY n.night
ON CONFLICT (rollout_id, night) DO NOTHING
