-- Finds a rollout whose labels are not counted since its planning, the newest first, and removes its counts of before. None while
-- labels have changed that are not added.
-- row: rollout bigint
WITH next_one AS MATERIALIZED (
  SELECT r.id
  FROM rollout r
  LEFT JOIN rollout_labelled k ON k.rollout_id = r.id
  WHERE r.planned_at IS NOT NULL AND k.planned_at IS DISTINCT FROM r.planned_at AND r.door <> :COLLECT_ENDPOINT
    AND NOT EXISTS (SELECT FROM relabelled)
  ORDER BY r.id DESC
  LIMIT 1
), forgotten AS (
  DELETE FROM rollout_label l WHERE l.rollout_id = (SELECT n.id FROM next_one n)
)
SELECT n.id AS rollout FROM next_one n
