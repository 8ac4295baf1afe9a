-- Locks the next rollout to plan after :after; other orchestrators skip it. `waits_s`: how long it has waited with this
-- plan.
-- parameters: after bigint
-- row: id bigint, plan text, version bigint, waits_s bigint, author_scope text null
SELECT id, plan::text, version,
       extract(epoch FROM now() - coalesce((SELECT max(e.at) FROM rollout_event e
                                            WHERE e.rollout_id = rollout.id AND e.kind = :KIND_REVISED),
                                           submitted_at))::bigint AS waits_s,
       author_scope::text
FROM rollout
WHERE state = :ROLLOUT_ACCEPTED AND id > :after
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED
