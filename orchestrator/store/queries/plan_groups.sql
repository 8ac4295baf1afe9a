INSERT INTO rollout_group (rollout_id, group_no, name, success, state, opened_at)
SELECT r.id, g.no, g.rule ->> 'name', (g.rule ->> 'success')::double precision,
       CASE WHEN g.no = 1 THEN 'open' ELSE 'waiting' END,
       CASE WHEN g.no = 1 THEN now() END
FROM rollout r, jsonb_array_elements(r.plan #> '{spec,groups}') WITH ORDINALITY AS g(rule, no)
WHERE r.id = $1
