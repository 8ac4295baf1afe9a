-- Adds the changes of labels of at most :most devices to the counts of their rollouts. Returns how many it added.
-- parameters: most bigint
-- row: added bigint
WITH taken AS (
  DELETE FROM relabelled d
  WHERE d.number = ANY (ARRAY(SELECT n.number FROM relabelled n ORDER BY n.number LIMIT :most))
  RETURNING d.device, d.before, d.after
), change AS (
  SELECT i.rollout_id, l.label, sum(l.devices) AS devices
  FROM taken t
  CROSS JOIN LATERAL (SELECT i.rollout_id FROM instruction i WHERE i.device = t.device OFFSET 0) i
  JOIN rollout_labelled k ON k.rollout_id = i.rollout_id
  CROSS JOIN LATERAL (SELECT jsonb_build_object(b.key, b.value) AS label, -1 AS devices FROM jsonb_each(t.before) b
                      UNION ALL
                      SELECT jsonb_build_object(a.key, a.value), 1 FROM jsonb_each(t.after) a) l
  GROUP BY i.rollout_id, l.label
  HAVING sum(l.devices) <> 0
), counted AS (
  INSERT INTO rollout_label AS o (rollout_id, label, devices)
  SELECT c.rollout_id, c.label, c.devices FROM change c
  ON CONFLICT (rollout_id, label) DO UPDATE SET devices = o.devices + excluded.devices
)
SELECT count(*) AS added FROM taken
