-- Deletes the policy of :orchestrator, which ends. Returns whether it asked for something. No row: there was none.
-- parameters: orchestrator text
-- row: asked boolean
DELETE FROM site_policy WHERE orchestrator = :orchestrator RETURNING policy <> '{}' AS asked
