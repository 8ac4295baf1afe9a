-- Keeps when the first device of a rollout was started and the last one completed, of one rollout that has ended and of which they
-- are not kept, the newest first. After an end late reports count: those of a day are kept too.
-- row: rollout bigint
WITH next_one AS MATERIALIZED (
  SELECT r.id
  FROM rollout r
  LEFT JOIN rollout_times t ON t.rollout_id = r.id AND t.ended_at = r.ended_at
  WHERE r.ended_at IS NOT NULL AND r.planned_at IS NOT NULL
    AND (t.rollout_id IS NULL OR (r.ended_at > now() - interval '1 day' AND t.completed <> completed_devices(r.id)))
  ORDER BY r.id DESC
  LIMIT 1
)
INSERT INTO rollout_times AS o (rollout_id, ended_at, completed, first_start_at, last_completed_at)
SELECT r.id, r.ended_at, completed_devices(r.id), f.first_start_at, f.last_completed_at
FROM next_one n
JOIN rollout r ON r.id = n.id,
LATERAL (SELECT min(i.dispatched_at) AS first_start_at, max(i.ended_at) FILTER (WHERE i.state = :COMPLETED) AS last_completed_at
         FROM instruction i
         WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)) f
ON CONFLICT (rollout_id) DO UPDATE
SET ended_at = excluded.ended_at, completed = excluded.completed, first_start_at = excluded.first_start_at,
    last_completed_at = excluded.last_completed_at
RETURNING o.rollout_id AS rollout
