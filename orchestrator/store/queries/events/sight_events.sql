-- Of events at :positions, those that a reader may see who sees the devices in :patterns alone: `is_whole` when it sees all
-- devices of the event's rollout, or the event is of none. Whether a person reads reviews and people is not looked at.
-- parameters: positions bigint[], patterns text
-- row: position bigint, is_whole boolean
-- alone
WITH told AS MATERIALIZED (
  SELECT e.position, e.readers, e.rollout_id, e.freeze_id FROM event e WHERE e.position = ANY (:positions::bigint[])
), mine AS MATERIALIZED (
  SELECT DISTINCT f.device
  FROM jsonb_array_elements(:patterns::jsonb) p,
  LATERAL (SELECT s.device FROM device_search s WHERE s.labels @> p.value) f
  WHERE EXISTS (SELECT FROM told WHERE rollout_id IS NOT NULL)
), of_rollout AS MATERIALIZED (
  SELECT r.id, rollout_is_within(r, :patterns::jsonb) AS is_whole,
         CASE WHEN r.planned_at IS NULL THEN patterns_cover(:patterns::jsonb, r.author_scope::jsonb)
           ELSE EXISTS (SELECT FROM mine m,
                        LATERAL (SELECT FROM instruction i WHERE i.device = m.device AND i.rollout_id = r.id OFFSET 0) i) END AS is_seen
  FROM rollout r
  WHERE r.id IN (SELECT t.rollout_id FROM told t)
)
SELECT t.position, coalesce(o.is_whole, true) AS is_whole
FROM told t
LEFT JOIN of_rollout o ON o.id = t.rollout_id
LEFT JOIN freeze_order f ON f.id = t.freeze_id
WHERE CASE t.readers
        WHEN :READERS_OF_ROLLOUT THEN o.is_seen
        WHEN :READERS_OF_WHOLE_ROLLOUT THEN o.is_whole
        WHEN :READERS_OF_FREEZE THEN patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
        ELSE true END
