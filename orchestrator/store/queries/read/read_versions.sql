-- Counts the devices of a list by artifact and installed version: those with :part in their IDs, :labels in force and
-- :versions, in :state and in :patterns ('', {} or null: all). All at once if at most :few come into question; otherwise of the
-- next :searched after device :after ('': the first page). `next`: the :after of the next page, whose counts are to be added;
-- null on the last one.
-- parameters: part text, labels text, versions text, state text, patterns text, after text, few bigint, searched bigint
-- row: document.*
-- alone
WITH searched AS MATERIALIZED (
  SELECT s.device, s.labels, s.is_few
  FROM devices_to_search(:part, :labels::jsonb, :versions::jsonb, :state, :patterns::jsonb, :after, :few, :searched) s
), place AS MATERIALIZED (
  SELECT CASE WHEN NOT bool_and(s.is_few) AND count(*) = :searched THEN max(s.device) END AS last FROM searched s
), kind AS MATERIALIZED (
  -- Many devices have the same versions.
  SELECT d.versions, count(*) AS devices
  FROM searched s,
  LATERAL (SELECT d.id, d.versions, d.retired_at FROM device d WHERE d.id = s.device OFFSET 0) d
  WHERE s.labels @> :labels::jsonb AND strpos(lower(s.device), lower(:part)) > 0
    AND (:patterns::jsonb IS NULL OR s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
    AND d.versions @> :versions::jsonb
    AND CASE WHEN :state::text = '' THEN d.retired_at IS NULL ELSE device_state(d.id, d.retired_at) = :state END
  GROUP BY d.versions
), counted AS (
  SELECT v.key AS artifact, v.value AS version, sum(k.devices)::bigint AS devices
  FROM kind k, jsonb_each_text(k.versions) v
  GROUP BY v.key, v.value
)
SELECT json_build_object(
  'versions', (SELECT coalesce(json_agg(json_build_object(
                   'artifact', c.artifact, 'version', c.version, 'devices', c.devices)
                 ORDER BY c.artifact, c.devices DESC, c.version), '[]') FROM counted c),
  'devices', (SELECT coalesce(sum(k.devices), 0)::bigint FROM kind k),
  'unknown', (SELECT coalesce(sum(k.devices), 0)::bigint FROM kind k WHERE k.versions = '{}'),
  'next', (SELECT p.last FROM place p))::text AS document
