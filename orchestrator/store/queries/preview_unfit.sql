-- The first hundred devices in scope, as in preview_cells, that are in a group and in one of the zones $11
-- ($12: one zone for all, or 'device').
SELECT coalesce(json_agg(device), '[]')::text
FROM (SELECT m.device
      FROM group_members($8::jsonb, $9, $10, $1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) m
      WHERE m.group_no IS NOT NULL AND CASE $12 WHEN 'device' THEN m.zone ELSE $12 END = ANY ($11)
      ORDER BY m.device
      LIMIT 100) d
