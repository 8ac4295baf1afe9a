-- Orders a test of webhook :name by :actor. No row: there is no such webhook.
-- parameters: name text, actor text
-- row: document.*
UPDATE webhook SET test_ordered_at = now(), test_ordered_by = :actor
WHERE name = :name
RETURNING json_build_object('webhook', name, 'test_ordered_at', rfc3339(test_ordered_at))::text AS document
