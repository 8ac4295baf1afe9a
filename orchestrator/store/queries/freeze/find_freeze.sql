-- Finds freeze :freeze for :actor and locks it until this transaction ends. `ordered_by`: who ordered to lift it (null: nobody
-- did); `may_lift`: each policy lets :actor lift freezes; `needs_two`: a policy asks for two people. No row: there is none.
-- parameters: freeze bigint, actor text
-- row: scope text, lifted_by text null, lifted_at text null, ordered_by text null, may_lift boolean, needs_two boolean
SELECT f.scope::text AS scope, f.lifted_by, rfc3339(f.lifted_at) AS lifted_at, acting_person(f.lift_ordered_by) AS ordered_by,
       NOT EXISTS (SELECT FROM site_policy p
                   WHERE p.policy ? 'lift_freeze' AND NOT p.policy -> 'lift_freeze' ? acting_person(:actor)) AS may_lift,
       EXISTS (SELECT FROM site_policy p WHERE p.policy -> 'lift_freeze_by_two' = 'true') AS needs_two
FROM freeze_order f
WHERE f.id = :freeze
FOR UPDATE
