-- Reads freeze :freeze. No row: there is none, or none that may touch :patterns (null: anywhere).
-- parameters: freeze bigint, patterns text
-- row: document.*
-- alone
SELECT freeze_told(f)::text AS document
FROM freeze_order f
WHERE f.id = :freeze
  AND (:patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
