-- Moves webhook :name on to :position, since the log no longer has what was next.
-- parameters: name text, position bigint
UPDATE webhook SET position = :position, missed = missed + 1 WHERE name = :name
