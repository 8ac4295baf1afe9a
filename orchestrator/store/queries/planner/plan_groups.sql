-- Inserts the groups of rollout :rollout. The first opens when the rollout starts.
-- parameters: rollout bigint
INSERT INTO rollout_group (rollout_id, group_no, name, success, soak_s, manual)
SELECT r.id, g.no, g.rule ->> 'name', (g.rule ->> 'success')::double precision,
       coalesce((g.rule ->> 'soak')::bigint, 0), coalesce(g.rule ->> 'approval' = 'manual', false)
FROM rollout r, jsonb_array_elements(r.plan #> '{spec,groups}') WITH ORDINALITY AS g(rule, no)
WHERE r.id = :rollout
