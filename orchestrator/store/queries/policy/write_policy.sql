-- Writes and renews the policy of :orchestrator, and forgets those that were not renewed for :forget_s seconds.
-- parameters: orchestrator text, policy text, forget_s bigint
WITH forgotten AS (
  DELETE FROM site_policy
  WHERE orchestrator <> :orchestrator AND renewed_at < now() - make_interval(secs => :forget_s)
)
INSERT INTO site_policy (orchestrator, policy) VALUES (:orchestrator, :policy::jsonb)
ON CONFLICT (orchestrator) DO UPDATE
SET policy = excluded.policy, renewed_at = now(),
    written_at = CASE WHEN site_policy.policy = excluded.policy THEN site_policy.written_at ELSE now() END
