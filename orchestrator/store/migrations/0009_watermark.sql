-- A counter that every orchestrator raises once a second and then writes down outside of PostgreSQL. It is lower than
-- what was written down when this database was put back from a backup, and then nothing is done on its ground until a
-- person says so.
CREATE TABLE watermark (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  counter bigint NOT NULL DEFAULT 0,
  counted_at timestamptz NOT NULL DEFAULT now(),
  -- The last time that nobody counted for a while: until when there was a count before, and when there was one again.
  gap_from timestamptz,
  gap_until timestamptz,
  -- Not null: an orchestrator holds a mark above the counter. What the marks of all that saw it have, the highest each.
  refused_at timestamptz,
  refused_by text NOT NULL DEFAULT '',
  marked_counter bigint NOT NULL DEFAULT 0,
  marked_epoch bigint NOT NULL DEFAULT 0,
  marked_ids jsonb NOT NULL DEFAULT '{}' -- sequence → the last number that it has given
) WITH (fillfactor = 20);
INSERT INTO watermark DEFAULT VALUES;

-- Each time that a person let a database go on that had been put back.
CREATE TABLE accepted_restore (
  epoch bigint PRIMARY KEY,            -- the first of what was signed since
  refused_at timestamptz NOT NULL,
  refused_by text NOT NULL,
  accepted_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text NOT NULL,
  restored_to timestamptz NOT NULL,    -- what was committed later is lost
  instruction_through bigint NOT NULL, -- the highest number that an instruction of the restored database can have
  instruction_ceiling bigint NOT NULL, -- no higher number that a device reports is believed
  recalls boolean NOT NULL DEFAULT true, -- devices that have not told what they did are asked
  recall_rounds smallint NOT NULL DEFAULT 0,
  recall_at timestamptz NOT NULL DEFAULT now() -- the next round
);

-- The epoch of the last accepted restore after which the device told what it had done; and whether its agent is of a
-- version that cannot.
ALTER TABLE device ADD COLUMN recalled bigint NOT NULL DEFAULT 0,
                   ADD COLUMN recall_unable boolean NOT NULL DEFAULT false;

-- What devices report of instructions that this database does not know: they were lost with what came after the backup.
CREATE TABLE unknown_order (
  device text COLLATE "C" NOT NULL,
  instruction bigint NOT NULL,
  attempt integer NOT NULL,
  sequence integer NOT NULL,
  event smallint NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  versions jsonb NOT NULL,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (device, instruction)
);
