-- One orchestrator migrates at a time; the others wait for it here.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('migrate'))
