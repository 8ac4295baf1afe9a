-- Lists the places (from 0) of those of :rollouts and :instructions, pair by pair, whose version is blocked or whose device is
-- frozen or excluded.
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
ORDER BY n.at
