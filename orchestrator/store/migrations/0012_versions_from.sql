-- When the attempt was dispatched whose report last said what is installed: an older attempt, reported on later, says
-- what was installed before. Null: no report said it yet.
ALTER TABLE device ADD COLUMN versions_from timestamptz;
