-- Cuts the windows of rollout :rollout at its end. Adds none.
-- parameters: rollout bigint
WITH dropped AS (
  DELETE FROM rollout_window w USING rollout r WHERE r.id = :rollout AND w.rollout_id = r.id AND w.opens_at >= r.ends_at
)
UPDATE rollout_window w
SET closes_at = r.ends_at
FROM rollout r
WHERE r.id = :rollout AND w.rollout_id = r.id AND w.opens_at < r.ends_at AND w.closes_at > r.ends_at
