-- Reads the due checks of rollout :rollout: at most :most, after the position :after_next_check_us (in microseconds
-- since the epoch) and :after_instruction. With the presence of the device and of its branch's node, as far as it is known,
-- and whether the node has relayed a command to another ATM since. `is_frozen`: it was withdrawn while a freeze of its device
-- was in force. `is_held`: a technician at the machine deferred it. `is_excluded`: its device is out of the rollout;
-- `is_withdrawn_first`: it was withdrawn before that; `is_skipped`: the device alone is out;
-- `left_as`: of an excluded one, as which the attempt before this one ended (0: none, or an operator ordered this one).
-- `is_late`: it may be started later than an amended end leaves time for.
-- parameters: rollout bigint, most bigint, after_next_check_us bigint, after_instruction bigint
-- row: id bigint, state smallint, attempt integer, pull boolean, failures smallint, deferrals smallint, since_ms bigint
--   null, start_before_ms bigint, substate smallint, group_is_lost boolean null, node boolean, is_frozen boolean, is_held boolean,
--   is_excluded boolean, is_withdrawn_first boolean, is_skipped boolean, left_as smallint, is_late boolean,
--   next_check_us bigint,
--   device_presence smallint, device_since_ms bigint, node_presence smallint, node_since_ms bigint,
--   node_relays boolean
SELECT i.id, i.state, i.attempt, i.pull, i.failures, i.deferrals,
       (extract(epoch FROM coalesce(CASE i.state WHEN :DISPATCHED THEN i.dispatched_at WHEN :SENT THEN i.sent_at WHEN :RECEIVED THEN i.received_at
                                               WHEN :INSTALLING THEN i.installing_at END, i.wake_at)) * 1000)::bigint AS since_ms,
       coalesce((extract(epoch FROM i.start_before) * 1000)::bigint, 0) AS start_before_ms,
       i.substate,
       (SELECT g.state = :GROUP_NOT_REACHED FROM rollout_group g
        WHERE g.rollout_id = :rollout AND g.group_no = i.group_no) AS group_is_lost,
       coalesce(i.device = b.branch, false) AS node,
       CASE WHEN i.state = :DISPATCHED AND i.substate = :WITHDRAWING
            THEN EXISTS (SELECT FROM frozen_device z
                         WHERE z.device = i.device AND z.frozen_at <= i.withdrawn_at
                           AND coalesce(z.lifted_at, 'infinity'::timestamptz) >= i.withdrawn_at
                           AND NOT (z.except_rollback
                                    AND (SELECT r.rollback_of IS NOT NULL FROM rollout r WHERE r.id = :rollout)))
            ELSE false END AS is_frozen,
       i.state = :CREATED AND i.substate = :DEFERRED AND i.code IS NOT DISTINCT FROM :CODE_HELD_BY_TECHNICIAN AS is_held,
       x.excluded_at IS NOT NULL AS is_excluded,
       coalesce(i.substate = :WITHDRAWING AND i.withdrawn_at < x.excluded_at, false) AS is_withdrawn_first,
       coalesce(x.device IS NOT NULL, false) AS is_skipped,
       coalesce((SELECT f.state FROM failing f
                 WHERE x.excluded_at IS NOT NULL AND f.instruction_id = i.id AND f.state IN (:FAILED, :TIMED_OUT) AND NOT f.ordered), 0::smallint)
         AS left_as,
       coalesce(i.start_before > (SELECT r.last_start_at FROM rollout r WHERE r.id = :rollout), false) AS is_late,
       (extract(epoch FROM i.wake_at) * 1000000)::bigint AS next_check_us,
       coalesce(d.state, :PRESENCE_UNKNOWN::smallint) AS device_presence,
       coalesce((extract(epoch FROM d.since) * 1000)::bigint, 0) AS device_since_ms,
       coalesce(n.state, :PRESENCE_UNKNOWN::smallint) AS node_presence,
       coalesce((extract(epoch FROM n.since) * 1000)::bigint, 0) AS node_since_ms,
       i.state = :DISPATCHED AND NOT i.pull
         AND EXISTS (SELECT FROM device s JOIN instruction o ON o.device = s.id AND o.rollout_id = i.rollout_id
                     WHERE s.branch = b.branch AND s.id <> b.branch AND s.id <> i.device AND o.sent_at >= i.dispatched_at) AS node_relays
FROM instruction i
CROSS JOIN (SELECT presence_generation() AS generation) w
CROSS JOIN LATERAL (SELECT coalesce(i.branch, (SELECT v.branch FROM device v WHERE v.id = i.device)) AS branch OFFSET 0) b
-- A look-up a row, also by a plan that was made while the table was empty.
LEFT JOIN LATERAL (SELECT presence_state_of(p, w.generation) AS state, p.since FROM presence p WHERE p.device = i.device OFFSET 0) d ON true
LEFT JOIN LATERAL (SELECT presence_state_of(p, w.generation) AS state, p.since FROM presence p WHERE p.device = b.branch OFFSET 0) n ON true
LEFT JOIN LATERAL (
  SELECT e.device, e.excluded_at FROM exclusion e WHERE e.id = exclusion_of(:rollout, i.device) OFFSET 0
) x ON EXISTS (SELECT FROM exclusion e WHERE e.rollout_id = :rollout)
WHERE i.rollout_id = :rollout AND i.wake_at <= now()
  AND (i.wake_at, i.id) > (timestamptz 'epoch' + :after_next_check_us::bigint * interval '1 us', :after_instruction::bigint)
ORDER BY i.wake_at, i.id
LIMIT :most
