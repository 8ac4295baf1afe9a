-- Tells whether branch :branch is there and has a device in :patterns (null: or none at all), and the same of rollout :rollout.
-- `is_whole`: all its devices are in :patterns, as the counts of its labels tell.
-- parameters: branch text, rollout bigint, patterns text
-- row: branch boolean, rollout boolean, is_whole boolean
SELECT EXISTS (SELECT FROM branch b
               WHERE b.id = :branch
                 AND (:patterns::jsonb IS NULL
                      OR EXISTS (SELECT FROM device d
                                 WHERE d.branch = b.id
                                   AND labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))))) AS branch,
       EXISTS (SELECT FROM rollout r
               WHERE r.id = :rollout AND (:patterns::jsonb IS NULL OR r.planned_at IS NOT NULL AND rollout_touches(r, :patterns::jsonb))) AS rollout,
       :patterns::jsonb IS NULL
       OR coalesce((SELECT t.is_whole FROM rollout r, LATERAL rollout_labels_tell(r, :patterns::jsonb) t WHERE r.id = :rollout), false) AS is_whole
