-- Waits until no other rollout is expanded, so that the IDs of its instructions are consecutive.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('plan'))
