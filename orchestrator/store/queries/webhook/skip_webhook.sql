-- Moves webhook :name from position :was, behind which the log no longer has what was next, to :position, behind which it has all
-- events. Changes nothing if the webhook is elsewhere by now.
-- parameters: name text, was bigint, position bigint
-- counted
UPDATE webhook SET position = :position, missed = missed + 1 WHERE name = :name AND position = :was AND position <> :position
