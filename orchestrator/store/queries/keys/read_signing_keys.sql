-- Reads the signing keys: the state of each, its orchestrators, and how many devices in service trust and lack it. Also
-- the keys that devices trust though no orchestrator registered them, and how many devices never named their keys.
-- row: document.*
-- alone
WITH alike AS MATERIALIZED (
  SELECT c.trusted_keys, sum(c.devices)::bigint AS devices
  FROM (SELECT o.trusted_keys, o.devices FROM trusted_keys_count o
        UNION ALL
        SELECT h.trusted_keys, h.devices FROM trusted_keys_change h) c
  GROUP BY c.trusted_keys
  HAVING sum(c.devices) <> 0
), named AS MATERIALIZED (
  SELECT u.key, sum(a.devices)::bigint AS devices FROM alike a CROSS JOIN LATERAL unnest(a.trusted_keys) u(key) GROUP BY u.key
), total AS MATERIALIZED (
  SELECT coalesce(sum(a.devices), 0)::bigint AS devices, coalesce(sum(a.devices) FILTER (WHERE a.trusted_keys IS NULL), 0)::bigint AS unnamed
  FROM alike a
)
SELECT json_build_object(
  'rotation', json_build_object('number', r.number, 'requested_at', rfc3339(r.requested_at), 'actor', r.actor, 'reason', r.reason,
                                'under_way', EXISTS (SELECT FROM signing_key k WHERE k.state = :KEY_OFFERED
                                                     OR (k.state = :KEY_SIGNING AND k.rotation < r.number))),
  'devices', t.devices, 'unnamed', t.unnamed,
  'keys', (SELECT coalesce(json_agg(json_build_object(
               'key', k.id, 'x', k.x, 'state', k.state, 'rotation', k.rotation, 'orchestrators', k.holders,
               'created_at', rfc3339(k.created_at), 'signing_at', rfc3339(k.signing_at), 'removed_at', rfc3339(k.removed_at),
               'actor', k.actor, 'reason', k.reason, 'trusting', coalesce(n.devices, 0),
               'lacking', t.devices - coalesce(n.devices, 0)) ORDER BY k.created_at DESC, k.id), '[]')
           FROM signing_key k LEFT JOIN named n ON n.key = k.id),
  'unknown', (SELECT coalesce(json_agg(json_build_object('key', n.key, 'trusting', n.devices) ORDER BY n.key), '[]')
              FROM named n WHERE NOT EXISTS (SELECT FROM signing_key k WHERE k.id = n.key)))::text AS document
FROM key_rotation r, total t
