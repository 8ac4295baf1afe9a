-- What matters of the past of rollout $1, for an order of $3 at version $2 (null: of any): the order that was given at
-- that version; what happened last, beyond the course of its groups; whether $3 is an author.
SELECT o.kind, o.actor, o.reason, o.digest, l.kind, l.actor, rfc3339(l.at),
       r.author = $3 OR EXISTS (SELECT FROM rollout_event e
                                WHERE e.rollout_id = r.id AND e.kind IN ('submitted', 'revised') AND e.actor = $3)
FROM rollout r
LEFT JOIN rollout_event o ON o.rollout_id = r.id AND o.version = $2::bigint
LEFT JOIN LATERAL (SELECT e.kind, e.actor, e.at
                   FROM rollout_event e
                   WHERE e.rollout_id = r.id
                     AND e.kind NOT IN ('group_opened', 'group_settled', 'group_awaiting_approval', 'group_passed')
                   ORDER BY e.id DESC
                   LIMIT 1) l ON true
WHERE r.id = $1
