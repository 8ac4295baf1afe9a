-- Reads of rollout :rollout what says whether it can be steered; locks nothing.
-- parameters: rollout bigint
-- row: name text, state text, version bigint, is_collect boolean
SELECT name, state, version, door = :COLLECT_ENDPOINT AS is_collect FROM rollout WHERE id = :rollout
