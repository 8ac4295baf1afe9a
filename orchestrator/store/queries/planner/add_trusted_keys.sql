-- Adds at most :most changes of the keys that devices trust to their counts. Returns how many it added. One orchestrator at a time
-- does: take_label_turn.
-- parameters: most bigint
-- row: added bigint
WITH taken AS (
  DELETE FROM trusted_keys_change d
  WHERE d.number = ANY (ARRAY(SELECT n.number FROM trusted_keys_change n ORDER BY n.number LIMIT :most))
  RETURNING d.trusted_keys, d.devices
), change AS MATERIALIZED (
  SELECT t.trusted_keys, sum(t.devices) AS devices FROM taken t GROUP BY t.trusted_keys HAVING sum(t.devices) <> 0
), changed AS (
  UPDATE trusted_keys_count o SET devices = o.devices + c.devices
  FROM change c WHERE o.trusted_keys IS NOT DISTINCT FROM c.trusted_keys
), counted AS (
  INSERT INTO trusted_keys_count (trusted_keys, devices)
  SELECT c.trusted_keys, c.devices FROM change c
  WHERE NOT EXISTS (SELECT FROM trusted_keys_count o WHERE o.trusted_keys IS NOT DISTINCT FROM c.trusted_keys)
)
SELECT count(*) AS added FROM taken
