-- Finds freeze :freeze for :actor and locks it until this transaction ends. `ordered_by`: who ordered to lift it (null: nobody
-- did, or a person who may not lift it any more); `may_lift`: each policy lets :actor lift freezes; `needs_two`: a policy asks
-- for two people; `is_seen`: it may touch :patterns (null: everywhere). No row: there is none.
-- parameters: freeze bigint, actor text, patterns text
-- row: scope text, lifted_by text null, lifted_at text null, ordered_by text null, may_lift boolean, needs_two boolean, is_seen boolean
SELECT f.scope::text AS scope, f.lifted_by, rfc3339(f.lifted_at) AS lifted_at,
       (SELECT a.name FROM active_person a
        WHERE a.name = acting_person(f.lift_ordered_by)
          AND NOT EXISTS (SELECT FROM site_policy p WHERE p.policy ? 'lift_freeze' AND NOT p.policy -> 'lift_freeze' ? a.name)
          AND (EXISTS (SELECT FROM live_credential c -- of a session
                       WHERE c.person = a.name AND (:PERSON_OPERATOR = ANY (string_to_array(c.roles, ' '))
                                                    OR :PERSON_APPROVER = ANY (string_to_array(c.roles, ' '))))
               OR NOT EXISTS (SELECT FROM unnest(f.patterns) AS o(pattern)
                              WHERE NOT EXISTS (SELECT FROM person_role r, scope_patterns(r.scope) AS c(pattern)
                                                WHERE r.person = a.name AND r.confirmed_at IS NOT NULL
                                                  AND r.role IN (:PERSON_OPERATOR, :PERSON_APPROVER)
                                                  AND o.pattern @> c.pattern)))) AS ordered_by,
       NOT EXISTS (SELECT FROM site_policy p
                   WHERE p.policy ? 'lift_freeze' AND NOT p.policy -> 'lift_freeze' ? acting_person(:actor)) AS may_lift,
       EXISTS (SELECT FROM site_policy p WHERE p.policy -> 'lift_freeze_by_two' = 'true') AS needs_two,
       :patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) AS is_seen
FROM freeze_order f
WHERE f.id = :freeze
FOR UPDATE
