-- Claims are made one orchestrator at a time, so that branches and rates are counted rightly; whoever is
-- second passes. In this transaction no table is read as a whole, nor joined by going through one list for each row of
-- another, however small statistics believe them to be; nor are rows taken in the order in which they lie: whoever takes
-- several takes them in the order of their ids, so that none wait for each other in a circle.
SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('claim')),
       set_config('enable_seqscan', 'off', true), set_config('enable_nestloop', 'off', true),
       set_config('enable_bitmapscan', 'off', true)
