-- Tries to take the claim lock: one orchestrator claims at a time, so that the counts of branches and rates are right;
-- another one skips its turn. Also sets this transaction's query planner: no sequential scan, nested loop or bitmap
-- scan, whatever size the statistics give for a table. A bitmap scan would lock rows in physical order; all statements
-- lock rows in the order of IDs to avoid deadlocks.
-- row: is_taken boolean, seqscan text, nestloop text, bitmapscan text
SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('claim')) AS is_taken,
       set_config('enable_seqscan', 'off', true) AS seqscan, set_config('enable_nestloop', 'off', true) AS nestloop,
       set_config('enable_bitmapscan', 'off', true) AS bitmapscan
