-- Lists the rollouts that have one of the names :names.
-- parameters: names text[]
-- row: id bigint
SELECT id FROM rollout WHERE name = ANY (:names::text[]) ORDER BY id
