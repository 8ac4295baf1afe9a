-- Finds out where an import would change something outside of :patterns, as places_to_name(). Runs before the merge, and looks
-- at the fleet before it and after it: at each branch and device that it changes, at the devices of these branches, and at
-- the branches that get or lose a device, whose budgets count it.
-- parameters: patterns text
-- row: places text null
WITH branch_change AS MATERIALIZED (
  SELECT i.id, b.labels AS old_labels, i.labels AS new_labels
  FROM imported_branch i
  LEFT JOIN branch b ON b.id = i.id
  WHERE b.id IS NULL OR (b.name, b.zone, b.labels) IS DISTINCT FROM (i.name, i.zone, i.labels)
), device_change AS MATERIALIZED (
  SELECT i.id, d.id IS NULL AS is_new,
         i.branch AS new_branch, i.role AS new_role, i.model AS new_model, i.labels AS new_labels,
         d.branch AS old_branch, d.role AS old_role, d.model AS old_model, d.labels AS old_labels
  FROM imported_device i
  LEFT JOIN device d ON d.id = i.id
  WHERE d.id IS NULL
     OR (d.branch, d.role, d.zone, d.model, d.labels) IS DISTINCT FROM (i.branch, i.role, i.zone, i.model, i.labels)
     OR NOT d.versions @> i.versions
), branch_after AS (
  SELECT id, coalesce(i.labels, b.labels) AS labels
  FROM branch b FULL JOIN imported_branch i USING (id)
), branch_involved AS (
  SELECT old_branch AS id FROM device_change
  WHERE NOT is_new AND (old_branch, old_role) IS DISTINCT FROM (new_branch, new_role)
  UNION
  SELECT new_branch FROM device_change
  WHERE is_new OR (old_branch, old_role) IS DISTINCT FROM (new_branch, new_role)
), touched AS (
  SELECT labels_in_force(c.old_labels, '{}', '', NULL, c.id) AS labels FROM branch_change c WHERE c.old_labels IS NOT NULL
  UNION ALL
  SELECT labels_in_force(c.new_labels, '{}', '', NULL, c.id) FROM branch_change c
  UNION ALL
  SELECT labels_in_force(c.old_labels, d.labels, d.model, d.role, d.branch) FROM branch_change c JOIN device d ON d.branch = c.id
  UNION ALL
  SELECT labels_in_force(c.new_labels, d.labels, d.model, d.role, d.branch) FROM branch_change c JOIN device d ON d.branch = c.id
  UNION ALL
  SELECT labels_in_force(b.labels, c.old_labels, c.old_model, c.old_role, c.old_branch)
  FROM device_change c LEFT JOIN branch b ON b.id = c.old_branch WHERE NOT c.is_new
  UNION ALL
  SELECT labels_in_force(b.labels, c.new_labels, c.new_model, c.new_role, c.new_branch)
  FROM device_change c LEFT JOIN branch_after b ON b.id = c.new_branch
  UNION ALL
  SELECT labels_in_force(b.labels, '{}', '', NULL, b.id) FROM branch_involved n JOIN branch b ON b.id = n.id
  UNION ALL
  SELECT labels_in_force(b.labels, '{}', '', NULL, b.id) FROM branch_involved n JOIN branch_after b ON b.id = n.id
)
SELECT places_to_name(ARRAY(SELECT place_of(t.labels, :patterns::jsonb)
                            FROM touched t
                            WHERE NOT t.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
                            LIMIT 100)) AS places
