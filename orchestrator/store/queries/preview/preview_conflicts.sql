-- Lists the active rollouts other than :name with unfinished instructions on devices in scope (:named_branches to
-- :origin), and the number of these devices.
-- parameters: scope.*, name text
-- row: id bigint, name text, state text, priority smallint, preempt boolean, devices bigint
SELECT r.id, r.name, r.state, r.priority, r.preempt, count(*) AS devices
FROM rollout r
JOIN instruction i ON i.rollout_id = r.id AND (i.due_at IS NOT NULL OR i.wake_at IS NOT NULL)
JOIN device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) s ON s.device = i.device
WHERE r.state IN (:ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING) AND r.name <> :name
GROUP BY r.id
ORDER BY r.priority DESC, r.id
