-- Counts, up to :most, the due instructions of rollout :rollout in its open groups that a claim looks at before one: before
-- group :group_no, or there before :due_us (microseconds since the epoch) and :instruction.
-- parameters: rollout bigint, group_no bigint, due_us bigint, instruction bigint, most bigint
-- row: before bigint
SELECT count(*) AS before
FROM (
  SELECT
  FROM rollout_group g,
  LATERAL (
    SELECT FROM instruction i
    WHERE i.rollout_id = :rollout AND i.group_no = g.group_no AND i.due_at <= now()
      AND (g.group_no < :group_no
           OR (i.due_at, i.id) < (timestamptz 'epoch' + :due_us::bigint * interval '1 microsecond', :instruction::bigint))
    LIMIT :most
  ) d
  WHERE g.rollout_id = :rollout AND g.state = :GROUP_OPEN AND g.paused_at IS NULL AND g.group_no <= :group_no::bigint
  LIMIT :most
) n
