-- Waits until no other orchestrator migrates, and keeps others from it until this transaction ends.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('migrate'))
