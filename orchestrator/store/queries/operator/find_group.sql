-- Finds group :name of rollout :rollout. `awaits_word`: it waits for an approval, whether it is settled or reached.
-- parameters: rollout bigint, name text
-- row: group_no smallint, state text, manual boolean, awaits_word boolean null
SELECT group_no, state, manual, state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g) AS awaits_word
FROM rollout_group g
WHERE rollout_id = :rollout AND name = :name
