-- Rollouts under way, other than $8, that still have something to do on devices in scope ($1 to $7), and on how many.
SELECT r.id, r.name, r.state, r.priority, r.preempt, count(*)
FROM rollout r
JOIN instruction i ON i.rollout_id = r.id AND (i.due_at IS NOT NULL OR i.wake_at IS NOT NULL)
JOIN device_scope($1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) s ON s.device = i.device
WHERE r.state IN ('awaiting_approval', 'running', 'paused', 'cancelling') AND r.name <> $8
GROUP BY r.id
ORDER BY r.priority DESC, r.id
