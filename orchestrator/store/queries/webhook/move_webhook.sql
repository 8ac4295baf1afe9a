-- Moves webhook :name on to :position. :delivered: it took the event there.
-- parameters: name text, position bigint, delivered boolean
UPDATE webhook
SET position = :position, delivered_at = CASE WHEN :delivered THEN now() ELSE delivered_at END,
    failing_since = CASE WHEN NOT :delivered THEN failing_since END, tries = CASE WHEN :delivered THEN 0 ELSE tries END,
    error = CASE WHEN NOT :delivered THEN error END
WHERE name = :name AND position < :position
