-- Freezes :scope for :actor until :until_ms (ms since the epoch), with :except_rollback all but rollbacks. If :actor has an
-- equal freeze in force, it stays the only one. `existing`: so it was. No row: :most freezes are in force already.
-- parameters: scope text, except_rollback boolean, until_ms bigint, actor text, reason text, most bigint
-- row: id bigint, existing boolean
WITH wanted AS (
  SELECT :scope::jsonb AS scope, to_timestamp(:until_ms::bigint / 1000.0) AS until
), equal AS (
  SELECT f.id
  FROM freeze_order f, wanted w
  WHERE f.lifted_at IS NULL AND f.scope = w.scope AND f.except_rollback = :except_rollback AND f.until = w.until
    AND f.frozen_by = :actor AND f.reason = :reason
  ORDER BY f.id
  LIMIT 1
), put AS (
  INSERT INTO freeze_order (scope, patterns, except_rollback, until, reason, frozen_by, frozen_at)
  SELECT w.scope, ARRAY(SELECT scope_patterns(w.scope)), :except_rollback, w.until, :reason, :actor, now()
  FROM wanted w
  WHERE NOT EXISTS (SELECT FROM equal) AND (SELECT count(*) FROM freeze_order WHERE lifted_at IS NULL) < :most
  RETURNING id
)
SELECT id, false AS existing FROM put
UNION ALL
SELECT id, true FROM equal
