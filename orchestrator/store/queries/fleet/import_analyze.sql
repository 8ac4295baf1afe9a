-- Collects the query planner's statistics of the imported rows. Runs after both COPYs and before the merge, since
-- PostgreSQL collects none of temporary tables by itself.
ANALYZE imported_branch, imported_device
