-- Lists the places (from 0) of those of :rollouts and :instructions, pair by pair, whose version is blocked, whose device is
-- frozen or excluded, or, of a pull client, that may be started later than an amended end leaves time for.
-- parameters: rollouts bigint[], instructions bigint[]
-- row: at bigint
-- alone
SELECT n.at - 1 AS at
FROM unnest(:rollouts::bigint[], :instructions::bigint[]) WITH ORDINALITY AS n(rollout, instruction, at)
WHERE n.rollout = ANY (ARRAY(SELECT rollout_id FROM blocked_rollout))
   OR EXISTS (SELECT FROM freeze_order WHERE lifted_at IS NULL)
      AND EXISTS (SELECT FROM frozen_device z
                  WHERE z.device = (SELECT i.device FROM instruction i WHERE i.id = n.instruction) AND z.lifted_at IS NULL
                    AND NOT (SELECT r.door = :COLLECT_ENDPOINT OR z.except_rollback AND r.rollback_of IS NOT NULL
                             FROM rollout r WHERE r.id = n.rollout)
                  OFFSET 0)
   OR EXISTS (SELECT FROM exclusion x WHERE x.rollout_id = n.rollout)
      AND exclusion_of(n.rollout, (SELECT i.device FROM instruction i WHERE i.id = n.instruction)) IS NOT NULL
   OR (SELECT i.pull AND i.start_before > r.last_start_at
       FROM instruction i, rollout r WHERE i.id = n.instruction AND r.id = n.rollout)
ORDER BY n.at
