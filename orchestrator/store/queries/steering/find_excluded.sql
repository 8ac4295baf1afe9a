-- Finds out what an exclusion of :scope, or of :device alone (null: of the scope), would be of in rollout :rollout. `words`: the
-- exclusion in words; `is_excluded`: there is such a one already; `is_member`: a device of it is in the rollout; `has_more`: one
-- whose instruction has not ended.
-- parameters: rollout bigint, device text, scope text
-- row: words text, is_excluded boolean, is_member boolean, has_more boolean
WITH mine AS (
  SELECT i.state < :FIRST_END OR i.substate = :UNDECIDED AS is_open
  FROM (SELECT :device::text AS device WHERE :device::text IS NOT NULL
        UNION ALL
        SELECT w.device FROM devices_within(CASE WHEN :device::text IS NULL THEN (SELECT jsonb_agg(p) FROM scope_patterns(:scope::jsonb) p) ELSE '[]' END) w) d,
  LATERAL (SELECT n.state, n.substate FROM instruction n WHERE n.device = d.device AND n.rollout_id = :rollout OFFSET 0) i
)
SELECT exclusion_words(:device::text, :scope::jsonb) AS words,
       EXISTS (SELECT FROM exclusion x
               WHERE x.rollout_id = :rollout
                 AND CASE WHEN :device::text IS NULL THEN x.device IS NULL AND x.scope = :scope::jsonb
                       ELSE x.device = :device::text END) AS is_excluded,
       EXISTS (SELECT FROM mine) AS is_member,
       EXISTS (SELECT FROM mine WHERE is_open) AS has_more
