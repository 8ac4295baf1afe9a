-- Ends at most :most instructions of retired devices that have not ended, by the rules of the event `retired`; what failed and
-- would be tried again stays as it is. :shard: the counter's shard. Returns the devices.
-- parameters: most bigint, shard bigint
-- row: released.*
WITH open AS MATERIALIZED (
  -- In the lock order of the updater.
  SELECT i.id, i.state AS from_state, i.substate AS from_substate
  FROM device d
  JOIN instruction i ON i.device = d.id AND (i.state < :FIRST_END OR i.substate = :UNDECIDED)
  WHERE d.retired_at IS NOT NULL
  ORDER BY i.id
  LIMIT :most
  FOR NO KEY UPDATE OF i
), moved AS (
  UPDATE instruction i
  SET state = rule.to_state, substate = rule.to_substate, in_flight = false, due_at = NULL, wake_at = NULL,
      withdrawn_at = NULL, may_install_until = NULL, ended_at = coalesce(i.ended_at, now()),
      code = CASE WHEN rule.to_state = :CANCELLED THEN :CODE_DEVICE_RETIRED ELSE i.code END
  FROM open o, instruction_transition rule
  WHERE i.id = o.id
    AND rule.from_state = i.state AND rule.from_substate = i.substate AND rule.event = :ON_RETIRED
  RETURNING i.device, i.pull, i.rollout_id, i.group_no, o.from_state, i.state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT d.rollout_id, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT rollout_id, group_no, from_state AS state, -1 AS change FROM moved
        UNION ALL SELECT rollout_id, group_no, state, 1 FROM moved) d
  GROUP BY d.rollout_id, d.group_no, d.state
  ORDER BY d.rollout_id, d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
)
SELECT device, pull FROM moved
