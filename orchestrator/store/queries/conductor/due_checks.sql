-- Reads the due checks of rollout :rollout: at most :most, after the position :after_next_check_us (in microseconds
-- since the epoch) and :after_instruction.
-- parameters: rollout bigint, most bigint, after_next_check_us bigint, after_instruction bigint
-- row: id bigint, state smallint, attempt integer, pull boolean, failures smallint, deferrals smallint, since_ms bigint
--   null, start_before_ms bigint, substate smallint, group_is_lost boolean null, node boolean, next_check_us bigint
SELECT id, state, attempt, pull, failures, deferrals,
       (extract(epoch FROM coalesce(CASE state WHEN :DISPATCHED THEN dispatched_at WHEN :SENT THEN sent_at WHEN :RECEIVED THEN received_at
                                               WHEN :INSTALLING THEN installing_at END, wake_at)) * 1000)::bigint AS since_ms,
       coalesce((extract(epoch FROM start_before) * 1000)::bigint, 0) AS start_before_ms,
       substate,
       (SELECT g.state = :GROUP_NOT_REACHED FROM rollout_group g
        WHERE g.rollout_id = :rollout AND g.group_no = instruction.group_no) AS group_is_lost,
       coalesce(device = branch, false) AS node,
       (extract(epoch FROM wake_at) * 1000000)::bigint AS next_check_us
FROM instruction
WHERE rollout_id = :rollout AND wake_at <= now()
  AND (wake_at, id) > (timestamptz 'epoch' + :after_next_check_us::bigint * interval '1 us', :after_instruction::bigint)
ORDER BY wake_at, id
LIMIT :most
