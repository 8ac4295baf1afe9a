-- Reads the devices of group :group_no of rollout :rollout whose last attempt failed, was rejected or timed out, and that get no other
-- by themselves, at most :most: as JSON, each with that attempt. Those that the group was promoted past while they were silent or deferred
-- are not among them, unless they failed otherwise since.
-- parameters: rollout bigint, group_no bigint, most bigint
-- row: failures text, count bigint
SELECT coalesce(json_agg(json_build_object('device', e.device, 'attempt', e.attempt, 'state', s.name, 'code', coalesce(e.code, ''),
                                           'ended_at', rfc3339(e.ended_at)) ORDER BY e.device), '[]')::text AS failures,
       count(*) AS count
FROM (SELECT i.device, i.attempt, i.state, i.code, i.ended_at
      FROM failure f
      JOIN instruction i ON i.id = f.instruction_id
      WHERE f.rollout_id = :rollout AND i.group_no = :group_no AND i.state IN (:FAILED, :REJECTED, :TIMED_OUT) AND i.substate = :FINAL
        AND NOT ((i.state = :TIMED_OUT OR i.code IS NOT DISTINCT FROM :CODE_DEFERRED_TOO_OFTEN)
                 AND EXISTS (SELECT FROM promoted_past p WHERE p.rollout_id = f.rollout_id AND p.instruction_id = i.id))
      LIMIT :most) e
JOIN instruction_state s ON s.state = e.state
