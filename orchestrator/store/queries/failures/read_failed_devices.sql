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
), whole AS MATERIALIZED (
  SELECT :patterns::jsonb IS NULL
         OR coalesce((SELECT t.is_whole FROM rollout r, LATERAL rollout_labels_tell(r, :patterns::jsonb) t WHERE r.id = :rollout), false) AS is_whole
), page AS MATERIALIZED (
  -- In this order, so that those after the last of a page are not looked at.
  SELECT m.*
  FROM (SELECT l.*, l.is_retrying OR (l.id IN (SELECT u.id FROM undecided u)) IS TRUE AS is_now
        FROM (SELECT * FROM looked f ORDER BY f.id OFFSET 0) l) m
  WHERE (:filter::jsonb -> 'code' IS NULL OR m.code = :filter::jsonb ->> 'code')
    AND (:filter::jsonb -> 'model' IS NULL OR m.model = :filter::jsonb ->> 'model')
    AND (:filter::jsonb -> 'version' IS NULL OR m.version IS NOT DISTINCT FROM :filter::jsonb ->> 'version')
    AND (:filter::jsonb -> 'label' IS NULL
         OR m.labels ->> (:filter::jsonb #>> '{label,key}') IS NOT DISTINCT FROM :filter::jsonb #>> '{label,value}')
    AND (:filter::jsonb -> 'now' IS NULL OR to_jsonb(m.is_now) = :filter::jsonb -> 'now')
    AND ((SELECT w.is_whole FROM whole w)
         OR (SELECT d.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search d WHERE d.device = m.device))
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
