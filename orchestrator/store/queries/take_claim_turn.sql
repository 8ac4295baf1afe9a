-- Claims are made one orchestrator at a time, so that branches and rates are counted rightly; whoever is
-- second passes. In this transaction no table is read as a whole, nor joined by going through one list for each row of
-- another, however small statistics believe them to be.
SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('claim')),
       set_config('enable_seqscan', 'off', true), set_config('enable_nestloop', 'off', true)
