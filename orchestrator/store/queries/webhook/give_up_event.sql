-- Gives up the event at :position for webhook :name, which did not take it, and keeps of those the newest :most.
-- parameters: name text, position bigint, kind text, most bigint
WITH moved AS (
  UPDATE webhook SET position = :position, given_up = given_up + 1
  WHERE name = :name AND position < :position
  RETURNING failing_since, error
), kept AS (
  INSERT INTO undelivered_event (webhook, position, kind, event_at, failing_since, error)
  SELECT :name, :position, :kind, coalesce((SELECT e.at FROM event e WHERE e.position = :position), now()),
         coalesce(failing_since, now()), coalesce(error, '')
  FROM moved
  ON CONFLICT (webhook, position) DO NOTHING
)
DELETE FROM undelivered_event
WHERE webhook = :name
  AND position <= (SELECT position FROM undelivered_event WHERE webhook = :name ORDER BY position DESC OFFSET :most LIMIT 1)
