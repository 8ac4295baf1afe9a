-- Counts what a freeze of :scope would do now, with :except_rollback to all but rollbacks: `withdrawn`, started and not answered,
-- of which `may_have_it` are pull clients; `finish`, answered and at work. `devices` in the scope are counted to 10,000.
-- parameters: scope text, except_rollback boolean
-- row: document.*
-- alone
WITH wanted AS MATERIALIZED (
  SELECT ARRAY(SELECT scope_patterns(:scope::jsonb)) AS patterns
), started AS MATERIALIZED (
  SELECT i.state = :DISPATCHED AS is_unanswered, i.pull,
         (SELECT r.door = :COLLECT_ENDPOINT OR :except_rollback::boolean AND r.rollback_of IS NOT NULL
          FROM rollout r WHERE r.id = i.rollout_id) AS is_excepted
  FROM instruction i
  JOIN device d ON d.id = i.device
  WHERE i.in_flight AND i.device IS NOT NULL
    AND labels_in_force((SELECT b.labels FROM branch b WHERE b.id = d.branch), d.labels, d.model, d.role, d.branch)
        @> ANY ((SELECT patterns FROM wanted)::jsonb[])
), counted AS MATERIALIZED (
  SELECT count(*) AS devices
  FROM (SELECT FROM devices_within((SELECT to_jsonb(patterns) FROM wanted)) w
        JOIN device d ON d.id = w.device AND d.retired_at IS NULL
        LIMIT 10001) n
)
SELECT json_build_object(
  'match', :scope::json,
  'devices', least(c.devices, 10000), 'has_more_devices', c.devices > 10000,
  'withdrawn', (SELECT count(*) FROM started WHERE is_unanswered AND NOT is_excepted),
  'may_have_it', (SELECT count(*) FROM started WHERE is_unanswered AND NOT is_excepted AND pull),
  'finish', (SELECT count(*) FROM started WHERE NOT is_unanswered))::text AS document
FROM counted c
