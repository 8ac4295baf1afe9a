-- What a version to come might bring, as bad as it gets: every table that is busy is changed, rewritten or locked.

ALTER TABLE instruction ADD COLUMN next_note text NOT NULL DEFAULT '';
ALTER TABLE rollout ADD COLUMN next_note text;
ALTER TABLE counter ADD COLUMN next_seen bigint NOT NULL DEFAULT 0;
CREATE INDEX instruction_next ON instruction (rollout_id, device);
UPDATE rollout SET next_note = 'before';
CREATE TABLE next_story (rollout_id bigint NOT NULL REFERENCES rollout ON DELETE CASCADE, told text NOT NULL);
