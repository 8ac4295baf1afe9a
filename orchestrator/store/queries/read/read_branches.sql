-- Reads a page of at most :most branches after branch :after ('': the first page), in the order of their IDs: those with
-- :part in their ID or name, with :labels, and all of whose devices are in :patterns ('', {} or null: all); :at_budget: only
-- those whose budget is used up; :without_machine: only those with no machine left. Looks at no more than :searched branches,
-- so that a page can be short or empty. `next`: the :after of the next page; null on the last one.
-- parameters: part text, labels text, patterns text, at_budget boolean, without_machine boolean, after text, most bigint,
--   searched bigint
-- row: document.*
-- alone
WITH searched AS MATERIALIZED (
  SELECT b.id, b.name, b.zone, b.labels, b.machines
  FROM branch b
  WHERE b.id > :after AND b.labels @> :labels::jsonb
    AND (strpos(lower(b.id), lower(:part)) > 0 OR strpos(lower(b.name), lower(:part)) > 0)
  ORDER BY b.id
  LIMIT :searched
), page AS MATERIALIZED (
  -- OFFSET 0 keeps the order: the scope, which reads all devices of a branch, is looked at last, and of no more than the page.
  SELECT w.*
  FROM (SELECT s.*, u.in_flight, u.unavailable, u.used, u.machines_left, u.budget
        FROM (SELECT s.* FROM searched s ORDER BY s.id OFFSET 0) s,
        LATERAL (SELECT * FROM branch_use(s.id, s.machines) OFFSET 0) u
        WHERE (NOT :at_budget OR u.used > 0 AND u.used >= u.budget)
          AND (NOT :without_machine OR s.machines > 0 AND u.machines_left <= 0)
        OFFSET 0) w
  WHERE CASE
    WHEN :patterns::jsonb IS NULL THEN true
    WHEN (SELECT labels_in_force(w.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
          FROM device d WHERE d.branch = w.id LIMIT 1) -- most branches that are outside end here
      THEN branch_is_within(w.id, :patterns::jsonb)
    ELSE false
  END
  LIMIT :most
)
SELECT json_build_object(
  'branches', coalesce(json_agg(json_build_object(
      'branch', p.id, 'name', p.name, 'zone', p.zone, 'labels', p.labels, 'machines', p.machines, 'in_flight', p.in_flight,
      'unavailable', p.unavailable, 'used', p.used, 'machines_left', p.machines_left, 'budget', p.budget) ORDER BY p.id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(p.id)
            WHEN (SELECT count(*) FROM searched) = :searched THEN (SELECT max(s.id) FROM searched s) END)::text AS document
FROM page p
