-- Deletes the policy of :orchestrator, which ends.
-- parameters: orchestrator text
DELETE FROM site_policy WHERE orchestrator = :orchestrator
