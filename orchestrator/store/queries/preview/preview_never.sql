-- Lists the first hundred branches with devices in scope, as in preview_cohorts, that may lose no device by the budget
-- (:max_unavailable, :max_unavailable_percent, :single_allowed).
-- parameters: members.*, budget.*
-- row: document.*
SELECT coalesce(json_agg(branch), '[]')::text AS document
FROM (SELECT DISTINCT m.branch
      FROM group_members(:groups::jsonb, :seed, :devices_in_scope, :named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) m
      JOIN branch b ON b.id = m.branch
      WHERE m.group_no IS NOT NULL
        AND branch_room(b.machines, :max_unavailable::text::integer, :max_unavailable_percent::text::double precision, :single_allowed) = 0
      ORDER BY m.branch
      LIMIT 100) d
