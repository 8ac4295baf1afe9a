-- Since when no ask is answered with what was dispatched: it is cancelled, or taken back, once it is certain that no answer
-- was under way. Counts in state dispatched only.
ALTER TABLE instruction ADD COLUMN withdrawn_at timestamptz;
