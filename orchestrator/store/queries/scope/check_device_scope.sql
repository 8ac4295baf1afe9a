-- Finds out where device :device is if that is outside of :patterns, as place_of(). Null: it is inside, or there is no such device.
-- parameters: device text, patterns text
-- row: places text null
SELECT (SELECT place_of(labels_in_force(b.labels, d.labels, d.model, d.role, d.branch), :patterns::jsonb)
        FROM device d
        LEFT JOIN branch b ON b.id = d.branch
        WHERE d.id = :device AND NOT labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))) AS places
