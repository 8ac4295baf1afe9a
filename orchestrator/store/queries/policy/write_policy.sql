-- Writes and renews the policy of :orchestrator, and forgets those that were not renewed for :forget_s seconds. Returns whether
-- that changes what is asked for, the policy with its digest, and whose policies it forgot that asked for something.
-- parameters: orchestrator text, policy text, forget_s bigint
-- row: changes boolean, policy text, digest text, forgotten text null
WITH before AS (
  SELECT policy FROM site_policy WHERE orchestrator = :orchestrator
), forgotten AS (
  DELETE FROM site_policy
  WHERE orchestrator <> :orchestrator AND renewed_at < now() - make_interval(secs => :forget_s)
  RETURNING orchestrator, policy
), told AS (
  SELECT string_agg(orchestrator, ' ' ORDER BY orchestrator) AS orchestrators FROM forgotten WHERE policy <> '{}'
), written AS (
  INSERT INTO site_policy (orchestrator, policy) VALUES (:orchestrator, :policy::jsonb)
  ON CONFLICT (orchestrator) DO UPDATE
  SET policy = excluded.policy, renewed_at = now(),
      written_at = CASE WHEN site_policy.policy = excluded.policy THEN site_policy.written_at ELSE now() END
  RETURNING policy
)
SELECT w.policy <> coalesce((SELECT policy FROM before), '{}') OR t.orchestrators IS NOT NULL AS changes,
       w.policy::text AS policy, encode(sha256(convert_to(w.policy::text, 'UTF8')), 'hex') AS digest, t.orchestrators AS forgotten
FROM written w, told t
