-- Waits until no other orchestrator migrates.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('migrate'))
