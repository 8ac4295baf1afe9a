-- Reads a page of at most :most reviews in state :state ('': in any) after review :after (0: the first page), newest first.
-- `next`: the :after of the next page; null on the last one.
-- parameters: state text, after bigint, most bigint
-- row: document.*
-- alone
WITH page AS (
  SELECT v.id, review_told(v) AS told FROM review v
  WHERE (:after = 0 OR v.id < :after) AND (:state = '' OR v.state = :state)
  ORDER BY v.id DESC
  LIMIT :most
)
SELECT json_build_object('reviews', coalesce(json_agg(p.told ORDER BY p.id DESC), '[]'),
                         'next', CASE WHEN count(*) = :most THEN min(p.id) END)::text AS document
FROM page p
