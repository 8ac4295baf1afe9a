-- Sets this transaction's query planner: no sequential scan, since statistics never know how little of a big table is in flight.
-- row: seqscan text
SELECT set_config('enable_seqscan', 'off', true) AS seqscan
