-- How many of the $2 instructions just made for rollout $1 each group has; all of them are in state created.
--
-- Their ids run on without a gap, group after group, and the last one was drawn in this session. So each group ends
-- where a search by halves finds the first id of a later one, and nothing needs to be counted.
WITH RECURSIVE search AS (
  -- What is before `low` is of the group or an earlier one, what is from `high` on is of later ones.
  SELECT group_no, currval('instruction_id') + 1 - $2 AS low, currval('instruction_id') + 1 AS high
  FROM rollout_group
  WHERE rollout_id = $1
  UNION ALL
  SELECT s.group_no, CASE WHEN i.group_no > s.group_no THEN s.low ELSE i.id + 1 END,
         CASE WHEN i.group_no > s.group_no THEN i.id ELSE s.high END
  FROM search s,
  LATERAL (SELECT m.id, m.group_no FROM instruction m WHERE m.id = (s.low + s.high) / 2 OFFSET 0) i
  WHERE s.low < s.high
), sizes AS MATERIALIZED (
  SELECT group_no,
         low - lag(low, 1, currval('instruction_id') + 1 - $2) OVER (ORDER BY group_no) AS devices
  FROM search
  WHERE low = high
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, group_no, 0, 0, devices FROM sizes WHERE devices > 0
)
UPDATE rollout_group g SET devices = sizes.devices
FROM sizes
WHERE g.rollout_id = $1 AND g.group_no = sizes.group_no
