-- Finds amendment :number of rollout :rollout, how many people approved it, the decision of :actor on it, and whether :actor is
-- an author of the plan or of that of its origin, and an author whose name is linked to no person.
-- parameters: rollout bigint, number bigint, actor text
-- row: kind text, subject text, before text, after text, is_loosening boolean, digest text, state text, author text,
--   author_is_known boolean, approvals bigint, required smallint, approved boolean null, reason text null, at text null,
--   actor_is_author boolean, unknown_author text null
SELECT a.kind, a.subject, a.before::text, a.after::text, a.is_loosening, a.digest, a.state, acting_person(a.author) AS author,
       actor_is_known(a.author) AS author_is_known,
       (SELECT count(DISTINCT acting_person(d.actor)) FROM amendment_decision d
        WHERE d.rollout_id = a.rollout_id AND d.number = a.number AND d.approved) AS approvals,
       amendment_approvals_needed(a, r) AS required, o.approved, o.reason, rfc3339(o.at) AS at,
       w.is_author AS actor_is_author, w.unknown_author
FROM amendment a
JOIN rollout r ON r.id = a.rollout_id
CROSS JOIN LATERAL loosening_authors(r, :actor) w
LEFT JOIN LATERAL (SELECT d.approved, d.reason, d.at FROM amendment_decision d
                   WHERE d.rollout_id = a.rollout_id AND d.number = a.number AND acting_person(d.actor) = :actor
                   ORDER BY d.at DESC LIMIT 1) o ON true
WHERE a.rollout_id = :rollout AND a.number = :number::integer
