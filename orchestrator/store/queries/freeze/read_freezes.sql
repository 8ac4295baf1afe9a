-- Reads a page of at most :most freezes in state :state ('': in any) after freeze :after (0: the first page), newest first;
-- those that may touch :patterns (null: all). `next`: the :after of the next page; null on the last one.
-- parameters: state text, after bigint, most bigint, patterns text
-- row: document.*
-- alone
WITH page AS (
  SELECT f.id, freeze_told(f) AS told
  FROM freeze_order f
  WHERE (:after = 0 OR f.id < :after)
    AND (:state = '' OR (:state = :FREEZE_IN_FORCE) = (f.lifted_at IS NULL))
    AND (:patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
  ORDER BY f.id DESC
  LIMIT :most
)
SELECT json_build_object('freezes', coalesce(json_agg(p.told ORDER BY p.id DESC), '[]'),
                         'next', CASE WHEN count(*) = :most THEN min(p.id) END)::text AS document
FROM page p
