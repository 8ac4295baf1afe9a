-- Counts an import of the fleet: when it is committed, the conductor looks again at the waiting instructions of rollouts with
-- exclusions of a scope.
UPDATE directory SET imports = imports + 1
