-- Counts the labels of the devices of rollout :rollout, which has none counted; unless labels have changed meanwhile.
-- parameters: rollout bigint
WITH counted AS MATERIALIZED (
  SELECT r.id, r.planned_at, first_instruction_of(r) AS first_id, last_instruction_of(r) AS last_id
  FROM rollout r
  WHERE r.id = :rollout AND r.planned_at IS NOT NULL AND NOT EXISTS (SELECT FROM relabelled)
), alike AS MATERIALIZED (
  SELECT s.labels, count(*) AS devices
  FROM counted c
  JOIN instruction i ON i.rollout_id = c.id AND i.id BETWEEN c.first_id AND c.last_id
  JOIN device_search s ON s.device = i.device
  GROUP BY s.labels
), kept AS (
  INSERT INTO rollout_label (rollout_id, label, devices)
  SELECT :rollout, jsonb_build_object(l.key, l.value), sum(a.devices)
  FROM alike a, jsonb_each(a.labels) l
  GROUP BY l.key, l.value
)
INSERT INTO rollout_labelled AS o (rollout_id, planned_at)
SELECT c.id, c.planned_at FROM counted c
ON CONFLICT (rollout_id) DO UPDATE SET planned_at = excluded.planned_at
