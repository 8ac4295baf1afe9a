-- Reads how far each webhook has got: :configured has those of this orchestrator's settings, as [{"name": …, "host": …, "kinds":
-- […]}]. One that is in no settings is shown as well. `waiting`: events that it has not been given, whatever their kinds, counted
-- to :most; `more_wait`: there are more.
-- parameters: configured text, most bigint
-- row: document.*
SELECT json_build_object('webhooks', coalesce(json_agg(json_build_object(
         'name', coalesce(w.name, c.name), 'host', c.host, 'kinds', c.kinds, 'is_configured', c.name IS NOT NULL,
         'state', CASE WHEN c.name IS NULL THEN 'removed' WHEN w.name IS NULL THEN 'new'
                    WHEN w.failing_since IS NOT NULL THEN 'failing' ELSE 'delivering' END,
         'position', w.position::text, 'waiting', least(coalesce(n.waiting, 0), :most::bigint),
         'more_wait', coalesce(n.waiting > :most::bigint, false), 'delivered_at', rfc3339(w.delivered_at),
         'failing_since', rfc3339(w.failing_since), 'tries', coalesce(w.tries, 0), 'error', w.error,
         'given_up', coalesce(w.given_up, 0), 'missed', coalesce(w.missed, 0),
         'test_ordered_at', rfc3339(w.test_ordered_at), 'test_ordered_by', w.test_ordered_by,
         'tested_at', rfc3339(w.tested_at), 'test_error', w.test_error)
         ORDER BY coalesce(w.name, c.name) COLLATE "C"), '[]'))::text AS document
FROM webhook w
FULL JOIN jsonb_to_recordset(:configured::jsonb) AS c(name text, host text, kinds jsonb) ON c.name = w.name
LEFT JOIN LATERAL (SELECT count(*) AS waiting
                   FROM (SELECT FROM event e WHERE e.position > w.position ORDER BY e.position LIMIT :most::bigint + 1) e) n
       ON c.name IS NOT NULL
