-- Whoever holds the lease $1 begins anew, as if it had just been elected.
UPDATE lease SET epoch = epoch + 1 WHERE name = $1
