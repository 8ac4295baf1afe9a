-- Reads a page of at most :most devices after device :after ('': the first page), in the order of their IDs: those with
-- :part in their IDs, :labels in force and :versions, in :state, of :presence and in :patterns ('', {} or null: all). If more than :few
-- devices come into question, it looks at the next :searched of them alone, so that a page can be short or empty. `next`: the
-- :after of the next page; null on the last one. `total`: how many the list has, counted to :few; null if unknown.
-- parameters: part text, labels text, versions text, state text, presence text, patterns text, after text, most bigint,
--   few bigint, searched bigint
-- row: document.*
-- alone
WITH searched AS MATERIALIZED (
  SELECT s.device, s.labels, s.is_few
  FROM devices_to_search(:part, :labels::jsonb, :versions::jsonb, :state, :patterns::jsonb, :after, :few, :searched) s
), place AS MATERIALIZED (
  -- is_whole: no other device can be in the list. last: the next page begins after it.
  SELECT coalesce(bool_and(s.is_few), false) OR :after::text = '' AND count(*) < :searched AS is_whole,
         CASE WHEN NOT bool_and(s.is_few) AND count(*) = :searched THEN max(s.device) END AS last
  FROM searched s
), matching AS MATERIALIZED (
  -- In order, and read no further than the page needs: what a filter looks up is looked up for no device behind it, unless all are
  -- counted. OFFSET 0 keeps the order.
  SELECT s.device AS id
  FROM (SELECT s.device
        FROM searched s
        WHERE s.labels @> :labels::jsonb AND strpos(lower(s.device), lower(:part)) > 0
          AND (:patterns::jsonb IS NULL OR s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
        ORDER BY s.device
        OFFSET 0) s
  WHERE (:versions::jsonb = '{}' OR (SELECT d.versions @> :versions::jsonb FROM device d WHERE d.id = s.device))
    AND (:state::text = '' OR (SELECT device_state(d.id, d.retired_at) = :state FROM device d WHERE d.id = s.device))
    AND (:presence::text = ''
         OR coalesce((SELECT presence_state_of(p, (SELECT presence_generation())) FROM presence p WHERE p.device = s.device), :PRESENCE_UNKNOWN)
            = :presence::smallint)
), page AS MATERIALIZED (
  SELECT d.*, presence_told(p, (SELECT presence_generation()), d.versions_at) AS presence
  FROM (SELECT m.id FROM matching m WHERE m.id > :after LIMIT :most) m,
  LATERAL (SELECT d.* FROM device d WHERE d.id = m.id OFFSET 0) d
  LEFT JOIN presence p ON p.device = d.id
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'device', id, 'branch', branch, 'role', role, 'model', model, 'labels', labels, 'versions', versions,
      'state', device_state(id, retired_at),
      'versions_at', rfc3339(versions_at), 'retired_at', rfc3339(retired_at),
      'presence', presence) ORDER BY id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(id)
            ELSE (SELECT p.last FROM place p) END,
  'total', CASE WHEN (SELECT p.is_whole FROM place p)
                  THEN json_build_object('devices', (SELECT count(*) FROM matching), 'more', false)
                WHEN :part::text = '' AND :labels::jsonb = '{}' AND :versions::jsonb = '{}' AND :state::text = ''
                     AND :presence::text = '' AND :patterns::jsonb IS NULL
                  THEN (SELECT json_build_object('devices', least(count(*), :few), 'more', count(*) > :few)
                        FROM (SELECT FROM device_search s ORDER BY s.device LIMIT :few + 1) c)
                WHEN :state::text = '' AND :presence::text = '' AND length(:part) NOT IN (1, 2)
                     AND (:versions::jsonb = '{}' OR :part::text = '' AND :labels::jsonb = '{}' AND :patterns::jsonb IS NULL)
                  THEN json_build_object('devices', :few::bigint, 'more', true) END)::text AS document
FROM page
