-- The failures of before the trigger wrote them. The trigger writes those of now, so that the table is not locked: only an
-- instruction that failed waits for its next move until this is committed, and of what both write the trigger knows better.
INSERT INTO failure (rollout_id, instruction_id, device, state, is_retrying, code, model, version, labels)
SELECT i.rollout_id, i.id, i.device, i.state, false, coalesce(i.code, ''), d.model, d.versions ->> r.installs_name,
       labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
FROM instruction i
JOIN device d ON d.id = i.device
LEFT JOIN branch b ON b.id = d.branch
JOIN rollout r ON r.id = i.rollout_id
WHERE i.state IN (:FAILED, :REJECTED, :TIMED_OUT)
FOR SHARE OF i
ON CONFLICT (rollout_id, instruction_id) DO NOTHING;

INSERT INTO failure (rollout_id, instruction_id, device, state, is_retrying, code, model, version, labels)
SELECT f.rollout_id, f.instruction_id, i.device, f.state, i.state < :COMPLETED, coalesce(f.code, ''), d.model,
       d.versions ->> r.installs_name, labels_in_force(b.labels, d.labels, d.model, d.role, d.branch)
FROM failing f
JOIN instruction i ON i.id = f.instruction_id
JOIN device d ON d.id = i.device
LEFT JOIN branch b ON b.id = d.branch
JOIN rollout r ON r.id = i.rollout_id
WHERE i.state < :COMPLETED AND NOT f.ordered OR i.state > :TIMED_OUT AND i.failures > 0
FOR SHARE OF i
ON CONFLICT (rollout_id, instruction_id) DO NOTHING;

-- By which lists find devices of a version. Not in 0032, which keeps the devices from changing for longer without it.
CREATE INDEX device_versions ON device USING gin (versions jsonb_path_ops);
