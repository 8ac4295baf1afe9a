-- One rollout is expanded at a time, so that its instructions' numbers run on without a gap.
SELECT pg_advisory_xact_lock(hashtext('tellercast'), hashtext('plan'))
