-- Adds at most :most changes of the labels of devices to the counts of labels. Returns how many it added. One orchestrator at a time
-- does: take_label_turn.
-- parameters: most bigint
-- row: added bigint
WITH taken AS (
  DELETE FROM label_change d
  WHERE d.number = ANY (ARRAY(SELECT n.number FROM label_change n ORDER BY n.number LIMIT :most))
  RETURNING d.label, d.devices
), change AS (
  SELECT t.label, sum(t.devices) AS devices FROM taken t GROUP BY t.label HAVING sum(t.devices) <> 0
), counted AS (
  INSERT INTO label_count AS o (label, devices)
  SELECT c.label, c.devices FROM change c
  ON CONFLICT (label) DO UPDATE SET devices = o.devices + excluded.devices
)
SELECT count(*) AS added FROM taken
