-- Reads a page of the devices that report version :version of artifact :name as installed, or have an instruction to install it
-- in flight: at most :most after device :after ('': the first page), in the order of their IDs, of those in :patterns (null:
-- all). Looks at no more than :scan_limit devices, so that a page can be short or empty. `next`: the :after of the next page;
-- null on the last one. `in_flight` counts all devices; null with :patterns.
-- parameters: name text, version text, after text, most bigint, scan_limit bigint, patterns text
-- row: document.*
-- alone
WITH scanned AS MATERIALIZED (
  SELECT d.id, d.branch, d.versions ->> :name::text AS installed, d.versions_at
  FROM device d
  WHERE d.id > :after AND d.retired_at IS NULL
  ORDER BY d.id
  LIMIT :scan_limit
), place AS (
  SELECT count(*) AS devices, max(id) AS last FROM scanned
), assigned AS (
  SELECT i.device, i.rollout_id, i.id, i.state, i.substate
  FROM instruction i
  WHERE i.in_flight AND i.device IS NOT NULL AND i.device > :after AND i.device <= (SELECT last FROM place)
    AND i.rollout_id = ANY (ARRAY(SELECT r.id FROM rollout r WHERE r.installs_name = :name AND r.installs_version = :version))
), page AS (
  SELECT s.id, s.branch, s.installed IS NOT DISTINCT FROM :version AS runs, s.versions_at, f.rollout_id, f.id AS instruction,
         n.name AS state, b.name AS substate
  FROM scanned s
  LEFT JOIN assigned f ON f.device = s.id
  LEFT JOIN instruction_state n ON n.state = f.state
  LEFT JOIN instruction_substate b ON b.state = f.state AND b.substate = f.substate
  WHERE CASE WHEN s.installed = :version OR f.device IS NOT NULL
          THEN :patterns::jsonb IS NULL
               OR (SELECT l.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search l WHERE l.device = s.id) END
  ORDER BY s.id
  LIMIT :most
)
SELECT json_build_object(
  'name', :name::text, 'version', :version::text,
  'blocked', (SELECT block_told(b) FROM artifact_block b
              WHERE b.name = :name AND b.version = :version AND b.unblocked_at IS NULL),
  'in_flight', CASE WHEN :patterns::jsonb IS NULL THEN version_in_flight(:name, :version) END,
  'devices', coalesce(json_agg(json_build_object(
      'device', p.id, 'branch', p.branch, 'runs', p.runs, 'versions_at', rfc3339(p.versions_at), 'rollout', p.rollout_id,
      'instruction', p.instruction, 'state', p.state, 'substate', p.substate) ORDER BY p.id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(p.id)
            WHEN (SELECT devices FROM place) = :scan_limit THEN (SELECT last FROM place) END)::text AS document
FROM page p
