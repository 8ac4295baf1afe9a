-- Claims are made one orchestrator at a time, so that branches and rates are counted rightly; whoever is
-- second passes.
SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('claim'))
