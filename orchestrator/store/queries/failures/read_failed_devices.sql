-- Reads a page of the devices behind the failures of rollout :rollout, as read_failures has them: after instruction :after, at
-- most :most, of devices in :patterns (null: of all). :filter, an object, has what is the same of all: code, model, version (null:
-- none was reported), label with key and value (null: the device has none), now (a boolean); all keys are optional. Looks at no
-- more than :scan_limit failures, so that a page can be short or empty. `next`: the :after of the next page; null on the last one.
-- No row: there is no such rollout, and :patterns are null.
-- parameters: rollout bigint, patterns text, filter text, after bigint, scan_limit bigint, most bigint
-- row: document.*
-- alone
WITH looked AS MATERIALIZED (
  SELECT f.instruction_id AS id, f.device, f.state, f.is_retrying, f.code, f.model, f.version, f.labels
  FROM failure f
  WHERE f.rollout_id = :rollout AND f.instruction_id > :after
  ORDER BY f.instruction_id
  LIMIT :scan_limit
), undecided AS MATERIALIZED (
  SELECT i.id FROM instruction i WHERE i.rollout_id = :rollout AND i.substate = :UNDECIDED
), matching AS (
  SELECT l.*, l.is_retrying OR u.id IS NOT NULL AS is_now
  FROM looked l
  LEFT JOIN undecided u ON u.id = l.id
  WHERE (:filter::jsonb -> 'code' IS NULL OR l.code = :filter::jsonb ->> 'code')
    AND (:filter::jsonb -> 'model' IS NULL OR l.model = :filter::jsonb ->> 'model')
    AND (:filter::jsonb -> 'version' IS NULL OR l.version IS NOT DISTINCT FROM :filter::jsonb ->> 'version')
    AND (:filter::jsonb -> 'label' IS NULL
         OR l.labels ->> (:filter::jsonb #>> '{label,key}') IS NOT DISTINCT FROM :filter::jsonb #>> '{label,value}')
), page AS (
  SELECT m.*
  FROM matching m,
  LATERAL (SELECT * FROM device WHERE id = m.device OFFSET 0) d
  LEFT JOIN branch b ON b.id = d.branch
  WHERE (:filter::jsonb -> 'now' IS NULL OR to_jsonb(m.is_now) = :filter::jsonb -> 'now')
    AND (:patterns::jsonb IS NULL
         OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
  ORDER BY m.id
  LIMIT :most
)
SELECT json_build_object(
  'devices', coalesce(json_agg(json_build_object(
      'instruction', p.id, 'device', p.device, 'branch', i.branch, 'model', p.model, 'version', p.version,
      'group', g.name, 'state', s.name, 'failed_as', a.name, 'failing_now', p.is_now, 'attempt', i.attempt, 'code', p.code,
      'detail', CASE WHEN i.state = p.state THEN coalesce(i.detail, '') ELSE '' END, 'ended_at', rfc3339(i.ended_at),
      'log', (SELECT l.id FROM device_log l WHERE l.instruction_id = p.id ORDER BY l.attempt DESC LIMIT 1))
    ORDER BY p.id), '[]'),
  'next', CASE WHEN count(*) = :most THEN max(p.id)
            WHEN (SELECT count(*) FROM looked) = :scan_limit THEN (SELECT max(id) FROM looked) END)::text AS document
FROM page p
JOIN instruction i ON i.id = p.id
JOIN instruction_state s ON s.state = i.state
JOIN instruction_state a ON a.state = p.state
JOIN rollout_group g ON g.rollout_id = i.rollout_id AND g.group_no = i.group_no
HAVING :patterns::jsonb IS NOT NULL OR EXISTS (SELECT FROM rollout r WHERE r.id = :rollout)
