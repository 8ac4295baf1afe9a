-- Groups the failures of rollout :rollout: by code, and by what the devices were when they failed: model, version of the rollout's
-- artifact, and the label :label (each only if asked for; else null); of devices in :patterns (null: of all). `ended`: the instruction failed, was rejected or timed out, or it was cancelled or expired after that;
-- `failing_now`: another attempt follows, or that is not decided yet. Looks at no more than :scan_limit failures, and gives the
-- :most largest groups; `is_complete`: these are all. No row: there is no such rollout, and :patterns are null.
-- parameters: rollout bigint, patterns text, by_code boolean, by_model boolean, by_version boolean, label text, scan_limit bigint,
--   most bigint, count_limit bigint
-- row: document.*
-- alone
WITH undecided AS MATERIALIZED (
  SELECT i.id FROM instruction i WHERE i.rollout_id = :rollout AND i.substate = :UNDECIDED
), looked AS MATERIALIZED (
  SELECT f.device, f.is_retrying OR u.id IS NOT NULL AS is_now, CASE WHEN :by_code THEN f.code END AS code,
         CASE WHEN :by_model THEN f.model END AS model, CASE WHEN :by_version THEN f.version END AS version,
         CASE WHEN :label::text IS NOT NULL THEN f.labels ->> :label END AS label
  FROM (SELECT * FROM failure WHERE rollout_id = :rollout ORDER BY instruction_id LIMIT :scan_limit) f
  LEFT JOIN undecided u ON u.id = f.instruction_id
), whole AS MATERIALIZED (
  SELECT :patterns::jsonb IS NULL
         OR coalesce((SELECT t.is_whole FROM rollout r, LATERAL rollout_labels_tell(r, :patterns::jsonb) t WHERE r.id = :rollout), false) AS is_whole
), described AS (
  SELECT * FROM looked WHERE (SELECT w.is_whole FROM whole w)
  UNION ALL
  SELECT l.*
  FROM looked l
  WHERE NOT (SELECT w.is_whole FROM whole w)
    AND (l.device IN (SELECT s.device FROM device_search s
                      WHERE s.device = ANY (ARRAY(SELECT o.device FROM looked o))
                        AND s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))) IS TRUE -- by a table of hashes
), grouped AS MATERIALIZED (
  SELECT code, model, version, label, count(*) AS devices, count(*) FILTER (WHERE NOT is_now) AS ended,
         count(*) FILTER (WHERE is_now) AS failing_now
  FROM described
  GROUP BY code, model, version, label
), largest AS (
  SELECT * FROM grouped ORDER BY devices DESC, code, model, version, label LIMIT :most
)
SELECT json_build_object(
  'rollout', :rollout::bigint,
  'failures', (SELECT coalesce(json_agg(json_build_object(
                   'code', code, 'model', model, 'version', version, 'label', label,
                   'ended', json_build_object('devices', least(ended, :count_limit), 'is_more', ended > :count_limit),
                   'failing_now', json_build_object('devices', least(failing_now, :count_limit),
                                                    'is_more', failing_now > :count_limit))
                 ORDER BY devices DESC, code, model, version, label), '[]')
               FROM largest),
  'is_complete', (SELECT count(*) FROM looked) < :scan_limit AND (SELECT count(*) FROM grouped) <= :most)::text AS document
WHERE :patterns::jsonb IS NOT NULL OR EXISTS (SELECT FROM rollout r WHERE r.id = :rollout)
