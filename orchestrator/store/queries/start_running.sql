-- Rollout $1, which is planned, begins to run in the name of $2: its first group opens, and what its plan supersedes
-- and has not ended, or could still be tried again, is cancelled. One row when it did; none when it was not waiting for
-- that.
WITH started AS (
  UPDATE rollout SET state = 'running'
  WHERE id = $1 AND state IN ('accepted', 'awaiting_approval')
  RETURNING id, name, plan
), opened AS (
  UPDATE rollout_group g SET state = 'open', opened_at = clock_timestamp()
  FROM started s
  WHERE g.rollout_id = s.id AND g.group_no = 1 AND g.state IN ('waiting', 'open')
  RETURNING g.rollout_id, g.group_no
), superseded AS (
  UPDATE rollout o
  SET version = o.version + 1,
      state = CASE o.state WHEN 'accepted' THEN 'cancelled' ELSE 'cancelling' END,
      ended_at = CASE o.state WHEN 'accepted' THEN now() END, -- one that had halted ends anew
      detail = 'superseded by ' || s.name
  FROM started s
  WHERE o.id <> s.id AND o.name IN (SELECT jsonb_array_elements_text(coalesce(s.plan #> '{spec,supersedes}', '[]')))
    AND o.state IN ('accepted', 'awaiting_approval', 'running', 'paused', 'halted')
  RETURNING o.id, o.state, o.detail
), told AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason, group_no, at) -- not now(): after the approval before it
  SELECT id, 'started', $2, '', NULL::smallint, clock_timestamp() FROM started
  UNION ALL
  SELECT rollout_id, 'group_opened', 'tellercast', '', group_no, clock_timestamp() FROM opened
  UNION ALL
  SELECT id, 'superseded', $2, detail, NULL, clock_timestamp() FROM superseded
)
SELECT id FROM started
