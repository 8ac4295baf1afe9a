-- How many devices each group of rollout $1 got; answers with how many all of them did.
WITH sizes AS MATERIALIZED (
  SELECT group_no, count(*) AS devices FROM instruction WHERE rollout_id = $1 GROUP BY group_no
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, group_no, 0, 0, devices FROM sizes
), sized AS (
  UPDATE rollout_group g SET devices = sizes.devices
  FROM sizes
  WHERE g.rollout_id = $1 AND g.group_no = sizes.group_no
)
SELECT coalesce(sum(devices), 0)::bigint FROM sizes
