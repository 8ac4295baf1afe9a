-- Begins watch :watch under epoch :epoch of the conductor's lease: in the present generation if :keeps, else in the next one, in
-- which no device is known yet.
-- parameters: watch text, epoch bigint, keeps boolean
-- row: generation bigint, online bigint, offline bigint
UPDATE presence_watch
SET generation = generation + CASE WHEN :keeps THEN 0 ELSE 1 END,
    online = CASE WHEN :keeps THEN online ELSE 0 END,
    offline = CASE WHEN :keeps THEN offline ELSE 0 END,
    watch = :watch, epoch = :epoch, is_complete = false
RETURNING generation, online, offline
