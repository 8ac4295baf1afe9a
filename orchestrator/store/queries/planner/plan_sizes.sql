-- Counts the devices of each group among the :made instructions just inserted for rollout :rollout, all in state
-- created.
--
-- Their IDs are consecutive, group after group, and this session drew the last one. So a binary search finds the first
-- ID of the next group, and no rows are counted.
-- parameters: rollout bigint, made bigint
-- counted
WITH RECURSIVE search AS (
  -- IDs before `low` belong to this group or an earlier one, IDs from `high` on to later ones.
  SELECT group_no, currval('instruction_id') + 1 - :made AS low, currval('instruction_id') + 1 AS high
  FROM rollout_group
  WHERE rollout_id = :rollout
  UNION ALL
  SELECT s.group_no, CASE WHEN i.group_no > s.group_no THEN s.low ELSE i.id + 1 END,
         CASE WHEN i.group_no > s.group_no THEN i.id ELSE s.high END
  FROM search s,
  LATERAL (SELECT m.id, m.group_no FROM instruction m WHERE m.id = (s.low + s.high) / 2 OFFSET 0) i
  WHERE s.low < s.high
), sizes AS MATERIALIZED (
  SELECT group_no,
         low - lag(low, 1, currval('instruction_id') + 1 - :made) OVER (ORDER BY group_no) AS devices
  FROM search
  WHERE low = high
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT :rollout, group_no, :CREATED, 0, devices FROM sizes WHERE devices > 0
)
UPDATE rollout_group g SET devices = sizes.devices
FROM sizes
WHERE g.rollout_id = :rollout AND g.group_no = sizes.group_no
