-- Reads the amendments of rollout :rollout after number :after, at most :most, and the values in force.
-- parameters: rollout bigint, after bigint, most bigint
-- row: document.*
WITH page AS (
  SELECT a AS amendment, a.number FROM amendment a WHERE a.rollout_id = :rollout AND a.number > :after::bigint ORDER BY a.number LIMIT :most
)
SELECT json_build_object(
  'rollout', r.id, 'version', r.version, 'in_force', values_in_force(r),
  'amendments', (SELECT coalesce(json_agg(amendment_told(p.amendment) ORDER BY p.number), '[]') FROM page p),
  'next', (SELECT CASE WHEN count(*) = :most THEN max(p.number) END FROM page p))::text AS document
FROM rollout r
WHERE r.id = :rollout
