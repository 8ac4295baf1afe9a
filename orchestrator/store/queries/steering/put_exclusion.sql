-- Takes the devices in :scope, or :device alone (null: the scope), out of rollout :rollout for :actor. No row: the rollout has
-- :most already, of scopes or of single devices.
-- parameters: rollout bigint, device text, scope text, actor text, reason text, most bigint
-- row: id bigint
WITH put AS (
  INSERT INTO exclusion (rollout_id, device, scope, patterns, reason, excluded_by, excluded_at)
  SELECT :rollout, :device::text, w.scope,
         CASE WHEN :device::text IS NULL THEN ARRAY(SELECT scope_patterns(w.scope)) ELSE '{}' END, :reason, :actor, now()
  FROM (SELECT CASE WHEN :device::text IS NULL THEN :scope::jsonb ELSE '{}' END AS scope) w
  WHERE (SELECT count(*) FROM exclusion x WHERE x.rollout_id = :rollout AND (x.device IS NULL) = (:device::text IS NULL)) < :most
  RETURNING id
), raised AS (
  UPDATE rollout SET exclusions = exclusions + 1 WHERE id = :rollout AND EXISTS (SELECT FROM put)
)
SELECT id FROM put
