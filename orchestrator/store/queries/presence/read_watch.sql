-- Reads the last watch of presence.
-- row: watch text
SELECT watch FROM presence_watch
