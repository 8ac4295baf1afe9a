-- Whatever failed, timed out or was rejected in rollout $1 gets another attempt, due now, as if it had not failed
-- before; their groups are open again, what people approved of them is void, and criteria of abort count from nothing.
-- $2: the counter's shard. Answers with how many there are.
WITH moved AS (
  UPDATE instruction i
  SET state = 0, attempt = i.attempt + 1, due_at = now(), wake_at = NULL, withdrawn_at = NULL, in_flight = false,
      failures = 0, deferrals = 0, progress = NULL, ended_at = NULL, detail = NULL,
      code = CASE WHEN code IN ('out_of_service', 'install_timeout', 'not_installing', 'atm_silent', 'device_silent')
               THEN code END -- so it is until it says something else
  FROM instruction_rule rule
  WHERE i.rollout_id = $1 AND i.state IN (6, 7, 8) AND rule.from_state = i.state AND rule.event = 9
  RETURNING i.group_no, rule.from_state
), change AS MATERIALIZED (
  SELECT group_no, from_state, count(*) AS instructions FROM moved GROUP BY group_no, from_state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, d.group_no, d.state, $2, sum(d.change)
  FROM (SELECT group_no, from_state AS state, -instructions AS change FROM change
        UNION ALL SELECT group_no, 0::smallint, instructions FROM change) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), opened AS (
  UPDATE rollout_group g
  SET state = 'open', settled_at = NULL, ended_at = NULL, opened_at = coalesce(g.opened_at, now())
  WHERE g.rollout_id = $1 AND g.group_no IN (SELECT group_no FROM change)
), forgotten AS (
  UPDATE rollout SET abort_seen = '{}' WHERE id = $1
), voided AS (
  DELETE FROM approval a WHERE a.rollout_id = $1 AND a.group_no IN (SELECT group_no FROM change)
)
SELECT coalesce(sum(instructions), 0)::bigint FROM change
