-- Writes the forecast end of rollout :rollout, :end_ms (ms since the epoch; 0: unknown).
-- parameters: rollout bigint, end_ms bigint
INSERT INTO rollout_forecast (rollout_id, end_at) VALUES (:rollout, to_timestamp(nullif(:end_ms::bigint, 0) / 1000.0))
ON CONFLICT (rollout_id) DO UPDATE SET end_at = excluded.end_at, at = now()
