-- Collects the query planner's statistics of the imported rows. Runs after both COPYs and before the merge, since
-- PostgreSQL collects none of temporary tables by itself.
SELECT analyze_import()
