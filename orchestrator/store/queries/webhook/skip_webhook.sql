-- Moves webhook :name on to :position, behind which the log has all events, since it no longer has what was next.
-- parameters: name text, position bigint
UPDATE webhook SET position = :position, missed = missed + 1 WHERE name = :name AND position < :position
