-- Refreshes the query planner's statistics of the fleet. Runs after an import is committed, so that they have the new
-- sizes before the next rollout is planned.
SELECT analyze_fleet()
