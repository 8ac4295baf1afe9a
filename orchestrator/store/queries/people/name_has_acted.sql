-- Finds out whether the record of rollouts has :name as an author or an actor.
-- parameters: name text
-- row: has_acted boolean
SELECT EXISTS (SELECT FROM rollout r WHERE r.author = :name)
    OR EXISTS (SELECT FROM rollout_event e WHERE e.actor = :name)
    OR EXISTS (SELECT FROM approval a WHERE a.actor = :name) AS has_acted
