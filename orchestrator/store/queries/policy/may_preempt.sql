-- Finds out whether each policy lets :person submit plans that preempt.
-- parameters: person text
-- row: may_preempt boolean
SELECT NOT EXISTS (SELECT FROM site_policy p
                   WHERE p.policy ? 'preempt' AND NOT p.policy -> 'preempt' ? acting_person(:person)) AS may_preempt
