-- Reads the history of rollout :rollout that an operation of :actor at version :version (null: any) depends on: the
-- operation that was given at that version and its group; the last event, apart from those of its groups' progress; and
-- whether :actor is an author, and an author whose name is linked to no person.
-- parameters: rollout bigint, version bigint, actor text
-- row: recorded_kind text null, recorded_actor text null, recorded_reason text null, recorded_digest text null, last_kind
--   text null, last_actor text null, last_at text null, actor_is_author boolean, unknown_author text null,
--   recorded_group text null
SELECT o.kind AS recorded_kind, o.actor AS recorded_actor, o.reason AS recorded_reason, o.digest AS recorded_digest,
       l.kind AS last_kind, l.actor AS last_actor, rfc3339(l.at) AS last_at,
       acting_person(r.author) = :actor
         OR EXISTS (SELECT FROM rollout_event e
                    WHERE e.rollout_id = r.id AND e.kind IN (:KIND_SUBMITTED, :KIND_REVISED)
                      AND acting_person(e.actor) = :actor) AS actor_is_author,
       CASE WHEN actor_is_known(r.author)
         THEN (SELECT min(e.actor) FROM rollout_event e
               WHERE e.rollout_id = r.id AND e.kind IN (:KIND_SUBMITTED, :KIND_REVISED) AND NOT actor_is_known(e.actor))
         ELSE r.author END AS unknown_author,
       (SELECT g.name FROM rollout_group g WHERE g.rollout_id = r.id AND g.group_no = o.group_no) AS recorded_group
FROM rollout r
LEFT JOIN rollout_event o ON o.rollout_id = r.id AND o.version = :version::bigint
LEFT JOIN LATERAL (SELECT e.kind, e.actor, e.at
                   FROM rollout_event e
                   WHERE e.rollout_id = r.id
                     AND e.kind NOT IN (:KIND_GROUP_OPENED, :KIND_GROUP_REACHED, :KIND_GROUP_SETTLED, :KIND_GROUP_AWAITING_APPROVAL,
                                        :KIND_GROUP_PASSED)
                   ORDER BY e.id DESC
                   LIMIT 1) l ON true
WHERE r.id = :rollout
