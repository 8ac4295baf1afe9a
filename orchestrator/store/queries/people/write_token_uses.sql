-- Writes when tokens were last used, and from where; at most once a minute for each.
-- batch: id text, address text, used_ms bigint
UPDATE token t SET last_used_at = to_timestamp(u.used_ms / 1000.0), last_used_from = u.address
FROM (SELECT DISTINCT ON (n.id) n.id, n.address, n.used_ms
      FROM unnest(:id::text[], :address::text[], :used_ms::bigint[]) AS n(id, address, used_ms)
      ORDER BY n.id, n.used_ms DESC) u
WHERE t.id = u.id AND (t.last_used_at IS NULL OR t.last_used_at < to_timestamp(u.used_ms / 1000.0) - interval '1 minute')
