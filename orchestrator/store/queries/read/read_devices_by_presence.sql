-- Reads a page of at most :most devices of presence :state after device :after ('': the first page), in the order of their IDs:
-- those in :patterns (null: all). Looks at no more than :scan_limit devices, so that a page can be short or empty. `next`: the
-- :after of the next page; null on the last one. `total` is unknown.
-- parameters: state bigint, after text, most bigint, scan_limit bigint, patterns text
-- row: document.*
-- alone
WITH scanned AS MATERIALIZED (
  -- What is known has an index; for the others it looks at all devices. Each half is in order and one of them is empty, so that the
  -- page reads no more of it than it needs.
  (SELECT p.device AS id FROM presence p
   WHERE :state::bigint <> :PRESENCE_UNKNOWN AND p.state <> :PRESENCE_UNKNOWN AND p.generation = (SELECT presence_generation()) AND p.state = :state AND p.device > :after
   ORDER BY p.device LIMIT :scan_limit)
  UNION ALL
  (SELECT d.id FROM device d WHERE :state::bigint = :PRESENCE_UNKNOWN AND d.id > :after ORDER BY d.id LIMIT :scan_limit)
), place AS (
  SELECT count(*) AS devices, max(id) AS last FROM scanned
), page AS (
  SELECT d.*, presence_told(p, (SELECT presence_generation()), d.versions_at) AS presence
  FROM (SELECT s.id FROM scanned s
        WHERE presence_state_of((SELECT p FROM presence p WHERE p.device = s.id), (SELECT presence_generation())) = :state
          AND (:patterns::jsonb IS NULL
               OR (SELECT l.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search l WHERE l.device = s.id))
        LIMIT :most) s,
  LATERAL (SELECT d.* FROM device d WHERE d.id = s.id OFFSET 0) d
  LEFT JOIN presence p ON p.device = d.id
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'device', id, 'branch', branch, 'role', role, 'model', model, 'labels', labels, 'versions', versions,
      'state', device_state(id, retired_at),
      'versions_at', rfc3339(versions_at), 'retired_at', rfc3339(retired_at),
      'presence', presence) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id)
            WHEN (SELECT devices FROM place) = :scan_limit THEN (SELECT last FROM place) END,
  'total', NULL)::text AS document
FROM page
