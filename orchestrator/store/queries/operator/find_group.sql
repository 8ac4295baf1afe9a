-- Finds group :name of rollout :rollout. `awaits_approval`: it waits for an approval, because it has settled or because
-- its gate was reached and its soak is over.
-- parameters: rollout bigint, name text
-- row: group_no smallint, state text, manual boolean, awaits_approval boolean null
SELECT group_no, state, manual, state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g) AS awaits_approval
FROM rollout_group g
WHERE rollout_id = :rollout AND name = :name
