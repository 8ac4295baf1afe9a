-- Reads reports on instructions that this database does not know: at most :most, of device :device ('': all), after key
-- :after, a device and a number separated by a slash.
-- parameters: device text, after text, most bigint
-- row: document.*
WITH page AS (
  SELECT u.*, e.name AS state
  FROM unknown_order u JOIN instruction_event_kind e USING (event)
  WHERE (:device = '' OR u.device = :device)
    AND (:after = '' OR (u.device, u.instruction) > (split_part(:after, '/', 1), split_part(:after, '/', 2)::bigint))
  ORDER BY u.device, u.instruction
  LIMIT :most
)
SELECT json_build_object(
  'unknown_orders', coalesce(json_agg(json_build_object(
      'device', device, 'instruction', instruction, 'attempt', attempt, 'state', state, 'code', code, 'detail', detail,
      'versions', versions, 'first_at', rfc3339(first_at), 'last_at', rfc3339(last_at))
      ORDER BY device, instruction), '[]'),
  'next', CASE WHEN count(*) = :most THEN (SELECT device || '/' || instruction FROM page
                                        ORDER BY device DESC, instruction DESC LIMIT 1) END)::text AS document
FROM page
