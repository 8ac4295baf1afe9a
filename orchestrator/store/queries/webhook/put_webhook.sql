-- Makes the row of webhook :name, if there is none: its events are those after the newest one of now.
-- parameters: name text
INSERT INTO webhook (name, position) SELECT :name, h.position FROM event_head h ON CONFLICT (name) DO NOTHING
