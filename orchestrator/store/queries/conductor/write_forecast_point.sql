-- Writes a forecast of the running rollout :rollout: its ends in ms since the epoch, and what they assume. The forecasts of one
-- minute are one point of the curve. When a new point would be number :most, every second one is deleted, but the first.
-- parameters: rollout bigint, best_ms bigint, worst_ms bigint, assumptions text[], most bigint
WITH point AS (
  INSERT INTO rollout_forecast_point AS p (rollout_id, minute, at, best_end_at, worst_end_at, assumptions, started, completed, failed)
  SELECT :rollout, date_trunc('minute', now()), now(), to_timestamp(:best_ms / 1000.0), to_timestamp(:worst_ms / 1000.0),
         :assumptions::text[], d.started, d.completed, d.failed
  FROM rollout_done(:rollout) d
  ON CONFLICT (rollout_id, minute) DO UPDATE
  SET at = excluded.at, best_end_at = excluded.best_end_at, worst_end_at = excluded.worst_end_at,
      assumptions = excluded.assumptions, started = excluded.started, completed = excluded.completed, failed = excluded.failed
), numbered AS (
  SELECT o.minute, row_number() OVER (ORDER BY o.minute) AS number, count(*) OVER () AS points
  FROM rollout_forecast_point o
  WHERE o.rollout_id = :rollout AND o.minute < date_trunc('minute', now())
)
DELETE FROM rollout_forecast_point d
USING numbered n
WHERE d.rollout_id = :rollout AND d.minute = n.minute AND n.points + 1 >= :most AND n.number % 2 = 0
