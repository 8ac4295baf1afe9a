-- Finds review :review for :actor: whether :actor has a part in what it is about, an author whose name is linked to no person, and
-- what :actor decided before. A part in it: :actor is an author of the plan, ordered the resume, broke the glass for this
-- rollout at any time, or had approved the same before (the start, or a resume). No row: there is none.
-- parameters: review bigint, actor text
-- row: rollout_id bigint, digest text, state text, ended boolean, has_part boolean, unknown_author text null, decided_accepted boolean null,
--   decided_reason text null, decided_at text null
SELECT v.rollout_id, v.digest, v.state, v.ended_at IS NOT NULL AS ended,
       acting_person(v.actor) = :actor OR acting_person(r.author) = :actor
         OR v.ordered_by IS NOT NULL AND acting_person(v.ordered_by) = :actor
         OR EXISTS (SELECT FROM rollout_event e
                    WHERE e.rollout_id = r.id
                      AND (e.kind IN (:KIND_SUBMITTED, :KIND_REVISED, :KIND_GLASS_BROKEN)
                           OR e.kind = CASE WHEN v.is_resume THEN :KIND_RESUME_APPROVED ELSE :KIND_APPROVED END AND e.at < v.at)
                      AND acting_person(e.actor) = :actor) AS has_part,
       CASE WHEN actor_is_known(r.author)
         THEN (SELECT min(e.actor) FROM rollout_event e
               WHERE e.rollout_id = r.id AND e.kind IN (:KIND_SUBMITTED, :KIND_REVISED) AND NOT actor_is_known(e.actor))
         ELSE r.author END AS unknown_author,
       d.accepted AS decided_accepted, d.reason AS decided_reason, rfc3339(d.at) AS decided_at
FROM review v
JOIN rollout r ON r.id = v.rollout_id
LEFT JOIN review_decision d ON d.review_id = v.id AND d.actor = :actor
WHERE v.id = :review
