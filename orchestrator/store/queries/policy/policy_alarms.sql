-- Reads what of the policy needs people: how many different policies the orchestrators have, how many reviews are pending
-- and overdue, and the review that is overdue for the longest time.
-- row: policies bigint, pending bigint, overdue bigint, review bigint null, rollout bigint null, due_at text null
SELECT (SELECT count(DISTINCT policy) FROM site_policy) AS policies, c.pending, c.overdue,
       l.id AS review, l.rollout_id AS rollout, rfc3339(l.due_at) AS due_at
FROM (SELECT count(*) AS pending, count(*) FILTER (WHERE due_at <= now()) AS overdue FROM review WHERE ended_at IS NULL) c
LEFT JOIN LATERAL (SELECT id, rollout_id, due_at FROM review
                   WHERE ended_at IS NULL AND due_at <= now()
                   ORDER BY due_at, id
                   LIMIT 1) l ON true
