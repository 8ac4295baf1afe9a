-- Of :rollouts, those of which all devices are in :patterns, as far as a list can tell.
-- parameters: rollouts bigint[], patterns text
-- row: rollout bigint
-- alone
SELECT r.id AS rollout FROM rollout r WHERE r.id = ANY (:rollouts::bigint[]) AND rollout_is_within(r, :patterns::jsonb)
