-- Finds out where devices of rollout :rollout are outside of :patterns, as places_to_name(). `is_visible`: it was planned, and
-- some of its devices are inside; `is_covered`: its author had to keep to :patterns, which tells where a rollout is that has
-- no devices yet. No row: there is no such rollout.
--
-- Devices with the same branch and labels are judged once: to join and compare the labels of each of a million takes much
-- longer than to find the few kinds among them.
-- parameters: rollout bigint, patterns text
-- row: places text null, is_visible boolean, is_covered boolean
WITH kind AS MATERIALIZED (
  SELECT DISTINCT d.branch, d.labels, d.model, d.role
  FROM instruction i
  LEFT JOIN device d ON d.id = i.device
  WHERE i.rollout_id = :rollout
), labelled AS MATERIALIZED (
  SELECT coalesce(labels_in_force(b.labels, k.labels, k.model, k.role, k.branch), '{}') AS labels
  FROM kind k
  LEFT JOIN branch b ON b.id = k.branch
), judged AS MATERIALIZED (
  SELECT labels, labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) AS is_inside FROM labelled
)
SELECT places_to_name(ARRAY(SELECT place_of(j.labels, :patterns::jsonb) FROM judged j WHERE NOT j.is_inside LIMIT 100)) AS places,
       r.planned_at IS NOT NULL AND EXISTS (SELECT FROM judged j WHERE j.is_inside) AS is_visible,
       patterns_cover(:patterns::jsonb, r.author_scope::jsonb) AS is_covered
FROM rollout r
WHERE r.id = :rollout
