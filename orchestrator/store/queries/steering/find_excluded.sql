-- Finds out whether rollout :rollout has an exclusion of :scope, or of :device alone (null: of the scope), already. `words`: it in
-- words.
-- parameters: rollout bigint, device text, scope text
-- row: words text, is_excluded boolean
SELECT exclusion_words(:device::text, :scope::jsonb) AS words,
       EXISTS (SELECT FROM exclusion x
               WHERE x.rollout_id = :rollout
                 AND CASE WHEN :device::text IS NULL THEN x.device IS NULL AND x.scope = :scope::jsonb
                       ELSE x.device = :device::text END) AS is_excluded
