-- Finds device :device, if it is in :patterns (null: anywhere), and its branch.
-- parameters: device text, patterns text
-- row: branch text null
SELECT d.branch
FROM device d
LEFT JOIN branch b ON b.id = d.branch
WHERE d.id = :device AND (:patterns::jsonb IS NULL
  OR labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
