-- Finds out where devices of rollout :rollout are outside of :patterns, as places_to_name(). `is_visible`: it was planned, and
-- some of its devices are inside; `is_covered`: its author had to keep to :patterns, which tells where a rollout is that has
-- no devices yet. No row: there is no such rollout.
--
-- The counts of its labels tell whether it is inside as a whole and, of patterns of one label, also where it is outside. Otherwise
-- devices with the same branch and labels are judged once: to join and compare the labels of each of a million takes much
-- longer than to find the few kinds among them.
-- parameters: rollout bigint, patterns text
-- row: places text null, is_visible boolean, is_covered boolean
WITH key AS MATERIALIZED (
  SELECT DISTINCT k.key FROM jsonb_array_elements(:patterns::jsonb) p, jsonb_object_keys(p.value) k(key)
), told AS MATERIALIZED (
  SELECT r.devices, coalesce(t.is_whole, false) AS is_whole,
         t.is_whole IS NOT NULL AND (t.is_whole OR (SELECT count(*) FROM key) = 1) AS is_counted
  FROM rollout r, LATERAL rollout_labels_tell(r, :patterns::jsonb) t
  WHERE r.id = :rollout
), kind AS MATERIALIZED (
  SELECT DISTINCT d.branch, d.labels, d.model, d.role
  FROM instruction i
  LEFT JOIN device d ON d.id = i.device
  WHERE i.rollout_id = :rollout AND NOT (SELECT t.is_counted FROM told t)
), labelled AS MATERIALIZED (
  SELECT coalesce(labels_in_force(b.labels, k.labels, k.model, k.role, k.branch), '{}') AS labels
  FROM kind k
  LEFT JOIN branch b ON b.id = k.branch
), counted AS MATERIALIZED (
  SELECT l.label, l.devices
  FROM rollout_label l
  WHERE l.rollout_id = :rollout AND l.devices > 0 AND l.label ? (SELECT k.key FROM key k LIMIT 1)
    AND (SELECT t.is_counted AND NOT t.is_whole FROM told t)
), judged AS MATERIALIZED (
  SELECT n.labels, n.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) AS is_inside
  FROM (SELECT '{}'::jsonb AS labels -- of devices without the label
        FROM told t WHERE t.is_counted AND NOT t.is_whole AND t.devices > (SELECT coalesce(sum(c.devices), 0) FROM counted c)
        UNION ALL
        SELECT c.label FROM counted c
        UNION ALL
        SELECT l.labels FROM labelled l) n
)
SELECT places_to_name(ARRAY(SELECT place_of(j.labels, :patterns::jsonb) FROM judged j WHERE NOT j.is_inside LIMIT 100)) AS places,
       r.planned_at IS NOT NULL AND (t.is_whole OR EXISTS (SELECT FROM judged j WHERE j.is_inside)) AS is_visible,
       patterns_cover(:patterns::jsonb, r.author_scope::jsonb) AS is_covered
FROM rollout r
JOIN told t ON true
WHERE r.id = :rollout
