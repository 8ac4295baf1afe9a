-- Reads the groups of rollout :rollout as struct why_group needs them, in order. `waiting`: their instructions that were not
-- started; `unfinished`: those that have not ended; null when :patterns is not null, since they count the whole rollout.
-- parameters: rollout bigint, patterns text
-- row: name text, state text, soaks_until_ms bigint, soaks_until_text text null, waiting bigint null, unfinished bigint null, paused_by text null,
--   paused_reason text null, paused_ms bigint, paused_text text null
SELECT g.name, g.state, epoch_ms(t.soaks_until) AS soaks_until_ms, time_told(t.soaks_until, 'UTC') AS soaks_until_text,
       CASE WHEN :patterns::jsonb IS NULL
         THEN (SELECT coalesce(sum(c.count), 0)::bigint FROM counter c
               WHERE c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state = :CREATED) END AS waiting,
       CASE WHEN :patterns::jsonb IS NULL
         THEN (SELECT coalesce(sum(c.count), 0)::bigint FROM counter c
               WHERE c.rollout_id = g.rollout_id AND c.group_no = g.group_no AND c.state < :FIRST_END) END AS unfinished,
       g.paused_by, CASE WHEN :patterns::jsonb IS NULL THEN g.paused_reason ELSE '' END AS paused_reason,
       epoch_ms(g.paused_at) AS paused_ms, time_told(g.paused_at, 'UTC') AS paused_text
FROM rollout_group g,
LATERAL (SELECT coalesce(g.settled_at, g.reached_at) + g.soak_s * interval '1 s' AS soaks_until) t
WHERE g.rollout_id = :rollout
ORDER BY g.group_no
