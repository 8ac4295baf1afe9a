UPDATE instruction
SET state = 1, in_flight = true, due_at = NULL, dispatched_at = now(), sequence = 0, progress = NULL, sent_at = NULL,
    received_at = NULL, installing_at = NULL, ended_at = NULL, wake_at = now() + interval '1 hour',
    start_before = now() + interval '1 hour'
WHERE id = ANY (ARRAY(SELECT id FROM instruction
                      WHERE rollout_id = $1 AND group_no = 1 AND due_at <= now() ORDER BY due_at, id LIMIT $2))
RETURNING id, device, branch, attempt, pull, start_before
