-- The first hundred branches with devices in scope, as in preview_cells, that may lose none by the budget ($11, $12, $13).
SELECT coalesce(json_agg(branch), '[]')::text
FROM (SELECT DISTINCT m.branch
      FROM group_members($8::jsonb, $9, $10, $1, $2, $3::jsonb, $4::jsonb, $5, $6, $7) m
      JOIN branch b ON b.id = m.branch
      WHERE m.group_no IS NOT NULL
        AND branch_room(b.machines, $11::text::integer, $12::text::double precision, $13) = 0
      ORDER BY m.branch
      LIMIT 100) d
