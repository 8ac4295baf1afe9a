-- Finds the accepted restore with a due recall round: its epoch, the number of rounds so far, and a rollout to name in
-- the commands.
-- row: epoch bigint, rounds smallint, rollout bigint
SELECT epoch, recall_rounds AS rounds, coalesce((SELECT max(id) FROM rollout), 1) AS rollout
FROM accepted_restore
WHERE recalls AND recall_at <= now()
