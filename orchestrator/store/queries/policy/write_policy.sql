-- Writes and renews the policy of :orchestrator, and forgets those that were not renewed for :forget_s seconds. Returns whether
-- that changes what is asked for, then also keeps the text of the policy; the digest of it; and whose policies it forgot that
-- asked for something (of very many the first).
-- parameters: orchestrator text, policy text, forget_s bigint
-- row: changes boolean, digest text, forgotten text null
WITH before AS (
  SELECT policy FROM site_policy WHERE orchestrator = :orchestrator
), forgotten AS (
  DELETE FROM site_policy
  WHERE orchestrator <> :orchestrator AND renewed_at < now() - make_interval(secs => :forget_s)
  RETURNING orchestrator, policy
), told AS (
  SELECT left(string_agg(orchestrator, ' ' ORDER BY orchestrator), 400) AS orchestrators FROM forgotten WHERE policy <> '{}'
), written AS (
  INSERT INTO site_policy (orchestrator, policy) VALUES (:orchestrator, :policy::jsonb)
  ON CONFLICT (orchestrator) DO UPDATE
  SET policy = excluded.policy, renewed_at = now(),
      written_at = CASE WHEN site_policy.policy = excluded.policy THEN site_policy.written_at ELSE now() END
  RETURNING policy
), known AS (
  SELECT w.policy, encode(sha256(convert_to(w.policy::text, 'UTF8')), 'hex') AS digest, t.orchestrators,
         w.policy <> coalesce((SELECT policy FROM before), '{}') OR t.orchestrators IS NOT NULL AS changes
  FROM written w, told t
), kept AS (
  INSERT INTO site_policy_text (digest, policy) SELECT digest, policy FROM known WHERE changes
  ON CONFLICT (digest) DO NOTHING
)
SELECT changes, digest, orchestrators AS forgotten FROM known
