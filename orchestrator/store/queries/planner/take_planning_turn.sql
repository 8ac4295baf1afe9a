-- Waits until no other orchestrator expands a rollout, and keeps others from it until this transaction ends, so that
-- the IDs of a rollout's instructions are consecutive.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('plan'))
