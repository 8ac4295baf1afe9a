-- The record of acts: who did what, or was refused. A row is never changed, and outlives what it is about: it refers to no other
-- table. Only "tellercastd audit expire" deletes rows, the oldest first, after it has exported them.
--
-- Numbers are given in the transaction of the act, just before its commit, under the lock of the only row of act_head: they
-- have no gaps, and their order is that of the commits. So a chain of hashes can be laid over the rows, in a column of its own or
-- in a table beside.
CREATE TABLE act_head (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  number bigint NOT NULL DEFAULT 0 -- of the newest act
);
INSERT INTO act_head DEFAULT VALUES;

CREATE TABLE act (
  number bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  person text COLLATE "C",      -- null: nobody who is known
  credential text,              -- by which the person was known
  endpoint text NOT NULL,
  address text COLLATE "C",     -- of the peer: a network address, or the name that it gave
  operation text COLLATE "C" NOT NULL,
  verb text COLLATE "C" NOT NULL,
  object_kind text COLLATE "C", -- what it was done on
  object text COLLATE "C",
  digest text,                  -- of the plan or of the file
  version bigint,               -- of the rollout, as the person saw it
  outcome text NOT NULL CHECK (outcome IN (:ACT_DONE, :ACT_REFUSED, :ACT_FAILED)),
  reason text,                  -- that the person gave
  refusal text,                 -- why it was refused, or failed
  times bigint NOT NULL,        -- more than 1: so many equal refusals within a minute
  details jsonb
);
CREATE INDEX act_at ON act (at, number);
CREATE INDEX act_person ON act (person, at, number) WHERE person IS NOT NULL;
CREATE INDEX act_verb ON act (verb, at, number);
CREATE INDEX act_object ON act (object_kind, object, at, number) WHERE object_kind IS NOT NULL;

-- Against a mistake of the owner of the tables; the role that runs has no right to change or delete a row.
CREATE FUNCTION keep_acts() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('tellercast.acts_expire', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'an act is never changed, and deleted by "tellercastd audit expire" alone';
END
$$;
CREATE TRIGGER act_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON act FOR EACH STATEMENT EXECUTE FUNCTION keep_acts();
