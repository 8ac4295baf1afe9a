-- Reads the groups of rollout :rollout in order, with their counts by state. `counts` excludes undecided instructions:
-- the conductor is about to decide them. `failed` and `timed_out` count those whose last attempt ended so and that
-- `counts` does not contain: undecided, waiting for another attempt, in another attempt, or cancelled after it.
-- :with_out_of_service: also count the devices that are out of service, by their last attempt or still, and how many of
-- them may yet end otherwise. The last columns say how the next group opens, when this one was first reached, and how
-- many of the silent and deferring devices that it was promoted past may still end, or timed out or deferred too often for
-- good, and whether a freeze keeps it from opening, and a pause what waits of it from starting, how many failures it was
-- promoted past, and whether devices of a group that has nothing but cancelled ones were excluded. That is looked up when the group is decided: the earlier ones let it open.
-- parameters: rollout bigint, with_out_of_service boolean
-- row: group_no smallint, name text, state text, success double precision, soak_ms bigint, manual boolean, settled_ms
--   bigint, approved boolean, rejected boolean, counts bigint[], retriable bigint, failed bigint, timed_out bigint,
--   unsettled_out_of_service bigint, out_of_service bigint, opens_reached boolean, reached_ms bigint, promoted
--   boolean, past_possible bigint, past_ended bigint, past_failed bigint, is_frozen boolean, is_paused boolean,
--   is_excluded boolean
WITH past AS MATERIALIZED (
  SELECT p.group_no, count(*) FILTER (WHERE i.state < :FIRST_END OR i.substate = :UNDECIDED) AS possible,
         count(*) FILTER (WHERE i.state >= :FIRST_END AND i.substate = :FINAL) AS ended
  FROM promoted_past p
  JOIN instruction i ON i.id = p.instruction_id
                    AND (i.state < :FIRST_END OR i.state = :TIMED_OUT OR i.state = :FAILED AND i.code = :CODE_DEFERRED_TOO_OFTEN)
  WHERE p.rollout_id = :rollout
  GROUP BY p.group_no
), past_failed AS MATERIALIZED (
  SELECT f.group_no, count(DISTINCT f.instruction_id) AS failed
  FROM promoted_failure f
  JOIN instruction i ON i.id = f.instruction_id
  WHERE f.rollout_id = :rollout AND is_promoted_past(f, i)
    AND NOT ((i.state = :TIMED_OUT OR i.code IS NOT DISTINCT FROM :CODE_DEFERRED_TOO_OFTEN)
             AND EXISTS (SELECT FROM promoted_past p WHERE p.rollout_id = f.rollout_id AND p.instruction_id = f.instruction_id))
  GROUP BY f.group_no
), retriable AS MATERIALIZED (
  SELECT group_no, state, count(*) AS instructions
  FROM instruction
  WHERE rollout_id = :rollout AND substate = :UNDECIDED
  GROUP BY group_no, state
)
SELECT g.group_no, g.name, g.state, g.success, g.soak_s * 1000 AS soak_ms, g.manual,
       coalesce((extract(epoch FROM g.settled_at) * 1000)::bigint, 0) AS settled_ms,
       g.manual AND EXISTS (SELECT FROM approval a JOIN rollout r ON r.id = a.rollout_id AND r.digest = a.digest
                            WHERE a.rollout_id = g.rollout_id AND a.group_no = g.group_no AND a.approved) AS approved,
       g.manual AND EXISTS (SELECT FROM approval a JOIN rollout r ON r.id = a.rollout_id AND r.digest = a.digest
                            WHERE a.rollout_id = g.rollout_id AND a.group_no = g.group_no AND NOT a.approved) AS rejected,
       ARRAY(SELECT (coalesce(sum(c.count), 0)
                     - coalesce((SELECT r.instructions FROM retriable r
                                 WHERE r.group_no = g.group_no AND r.state = s.state), 0))::bigint
             FROM instruction_state s
             LEFT JOIN counter c ON c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state = s.state
             GROUP BY s.state
             ORDER BY s.state) AS counts,
       coalesce(a.failed, 0) + coalesce(a.timed_out, 0) AS retriable,
       coalesce(a.failed, 0) + coalesce(f.failed, 0) AS failed,
       coalesce(a.timed_out, 0) + coalesce(f.timed_out, 0) AS timed_out,
       o.may_be_tried_again + coalesce(f.out_of_service, 0) + coalesce(d.unsettled, 0) AS unsettled_out_of_service,
       o.out_of_service + coalesce(f.out_of_service, 0) + coalesce(d.down, 0) AS out_of_service,
       coalesce((SELECT r.plan #>> ARRAY['spec', 'groups', (g.group_no - 1)::text, 'opens'] = 'reached'
                 FROM rollout r WHERE r.id = g.rollout_id), false) AS opens_reached,
       coalesce((extract(epoch FROM g.reached_at) * 1000)::bigint, 0) AS reached_ms,
       EXISTS (SELECT FROM promoted_past p WHERE p.rollout_id = g.rollout_id AND p.group_no = g.group_no) AS promoted,
       coalesce(p.possible, 0) AS past_possible, coalesce(p.ended, 0) AS past_ended, coalesce(q.failed, 0) AS past_failed,
       CASE WHEN g.state = :GROUP_WAITING THEN group_is_frozen(g.rollout_id, g.group_no) ELSE false END AS is_frozen,
       g.paused_at IS NOT NULL AS is_paused,
       CASE WHEN EXISTS (SELECT FROM exclusion x WHERE x.rollout_id = g.rollout_id)
                 AND g.state NOT IN (:GROUP_PASSED, :GROUP_NOT_REACHED)
                 AND NOT (g.state = :GROUP_WAITING
                          AND EXISTS (SELECT FROM rollout_group e
                                      WHERE e.rollout_id = g.rollout_id AND e.group_no = g.group_no - 1
                                        AND e.state <> :GROUP_PASSED AND e.reached_at IS NULL))
                 AND NOT EXISTS (SELECT FROM counter c
                                 WHERE c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state <> :CANCELLED
                                 GROUP BY c.state HAVING sum(c.count) > 0)
            THEN EXISTS (SELECT
                         FROM rollout r
                         JOIN instruction i ON i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
                         WHERE r.id = g.rollout_id AND i.group_no = g.group_no AND i.state = :CANCELLED
                           AND (i.code IN (:CODE_EXCLUDED, :CODE_SKIPPED)
                                OR i.failures > 0 AND exclusion_of(i.rollout_id, i.device) IS NOT NULL)) -- has the code of its failure
            ELSE false END AS is_excluded
FROM rollout_group g
LEFT JOIN past p ON p.group_no = g.group_no
LEFT JOIN past_failed q ON q.group_no = g.group_no
LEFT JOIN (
  SELECT group_no, sum(instructions) FILTER (WHERE state = :FAILED)::bigint AS failed,
         sum(instructions) FILTER (WHERE state = :TIMED_OUT)::bigint AS timed_out
  FROM retriable
  GROUP BY group_no
) a ON a.group_no = g.group_no
LEFT JOIN (
  SELECT group_no, count(*) FILTER (WHERE state = :FAILED) AS failed, count(*) FILTER (WHERE state = :TIMED_OUT) AS timed_out,
         count(*) FILTER (WHERE code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT)) AS out_of_service
  FROM failing
  WHERE rollout_id = :rollout AND NOT ordered
  GROUP BY group_no
) f ON f.group_no = g.group_no
LEFT JOIN (
  -- Devices that are still out of service although a later attempt ended otherwise.
  SELECT i.group_no, count(*) AS down, count(*) FILTER (WHERE i.state < :FIRST_END OR i.substate = :UNDECIDED) AS unsettled
  FROM unavailable u
  JOIN instruction i ON i.id = u.instruction_id
  WHERE :with_out_of_service::boolean AND u.rollout_id = :rollout AND (i.state >= :FIRST_END OR i.failures > 0)
    AND NOT (i.state BETWEEN :FAILED AND :TIMED_OUT AND i.code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT))
    AND NOT EXISTS (SELECT FROM failing f
                    WHERE f.instruction_id = i.id AND f.code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT))
  GROUP BY i.group_no
) d ON d.group_no = g.group_no,
LATERAL (
  SELECT count(*) AS out_of_service, count(*) FILTER (WHERE i.substate = :UNDECIDED) AS may_be_tried_again
  FROM instruction i
  WHERE :with_out_of_service::boolean AND i.rollout_id = g.rollout_id AND i.group_no = g.group_no
    AND i.code IN (:CODE_OUT_OF_SERVICE, :CODE_INSTALL_TIMEOUT) AND i.state IN (:FAILED, :REJECTED, :TIMED_OUT)
) o
WHERE g.rollout_id = :rollout
ORDER BY g.group_no
