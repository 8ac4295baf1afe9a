-- Finds out where devices that a plan selects are outside of :patterns, as places_to_name(). Devices with the same branch and
-- labels are judged once.
-- parameters: scope.*, patterns text
-- row: places text null
WITH kind AS MATERIALIZED (
  SELECT DISTINCT d.branch, d.labels, d.model, d.role
  FROM device_scope(:named_branches, :named_devices, :match_labels::jsonb, :match_expressions::jsonb, :artifact, :from_versions, :origin::jsonb) s
  JOIN device d ON d.id = s.device
), labelled AS MATERIALIZED (
  SELECT labels_in_force(b.labels, k.labels, k.model, k.role, k.branch) AS labels
  FROM kind k
  LEFT JOIN branch b ON b.id = k.branch
)
SELECT places_to_name(ARRAY(SELECT place_of(l.labels, :patterns::jsonb)
                            FROM labelled l
                            WHERE NOT l.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
                            LIMIT 100)) AS places
