-- How far each webhook of the settings has got. The conductor posts the events in the order of the log, and keeps the position
-- after each answer.
CREATE TABLE webhook (
  name text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL, -- of the last event that it took, that is not for it, or that was given up
  added_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz, -- the last event that it took
  failing_since timestamptz, -- null: the last try went well
  tries integer NOT NULL DEFAULT 0, -- since then
  error text, -- of the last try
  given_up bigint NOT NULL DEFAULT 0, -- events
  missed bigint NOT NULL DEFAULT 0, -- times that the log no longer had the next event
  test_ordered_at timestamptz,
  test_ordered_by text,
  tested_at timestamptz,
  test_error text -- null: the last test went well, or there was none
);

-- Events that a webhook did not take for a day. The newest thousand of each webhook stay.
CREATE TABLE undelivered_event (
  webhook text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  kind text NOT NULL,
  event_at timestamptz NOT NULL,
  failing_since timestamptz NOT NULL,
  error text NOT NULL,
  given_up_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (webhook, position)
);
