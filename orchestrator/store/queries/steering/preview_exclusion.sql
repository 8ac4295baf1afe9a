-- Counts what an exclusion of :scope, or of :device alone (null: of the scope), from rollout :rollout would do now. `ended`: not
-- started, and ended by it; `withdrawn`: started and not answered, of which `may_have_it` are pull clients; `finish`: answered and at
-- work; `stay`: have ended, and stay in gates and abort criteria. Looks at :most devices of the rollout; `has_more`: there are more.
-- parameters: rollout bigint, device text, scope text, most bigint
-- row: document.*
-- alone
WITH mine AS MATERIALIZED (
  SELECT i.state, i.substate, i.pull
  FROM (SELECT :device::text AS device WHERE :device::text IS NOT NULL
        UNION ALL
        SELECT w.device FROM devices_within(CASE WHEN :device::text IS NULL THEN (SELECT jsonb_agg(p) FROM scope_patterns(:scope::jsonb) p) ELSE '[]' END) w) d,
  LATERAL (SELECT n.state, n.substate, n.pull FROM instruction n WHERE n.device = d.device AND n.rollout_id = :rollout OFFSET 0) i
  LIMIT :most::bigint + 1
), looked AS MATERIALIZED (
  SELECT * FROM mine LIMIT :most
)
SELECT json_build_object(
  'match', CASE WHEN :device::text IS NULL THEN :scope::json END, 'device', :device::text,
  'devices', (SELECT count(*) FROM looked), 'has_more_devices', (SELECT count(*) FROM mine) > :most::bigint,
  'ended', (SELECT count(*) FROM looked WHERE state = :CREATED),
  'withdrawn', (SELECT count(*) FROM looked WHERE state = :DISPATCHED),
  'may_have_it', (SELECT count(*) FROM looked WHERE state = :DISPATCHED AND pull),
  'finish', (SELECT count(*) FROM looked WHERE state BETWEEN :SENT AND :LAST_IN_FLIGHT),
  'stay', (SELECT count(*) FROM looked WHERE state >= :FIRST_END))::text AS document
