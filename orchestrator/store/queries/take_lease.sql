-- $2 holds the lease $1 for $3 ms more, if nobody else does; a new holder gets a new epoch. A holder whose session with
-- this database has ended holds it no more: the first session to see that has the lock, and need not wait. Who has the
-- lock already, and lost the lease while it did something else, is no such one.
WITH session AS MATERIALIZED (
  SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND pid = pg_backend_pid())
              THEN false
              ELSE pg_try_advisory_lock(hashtext('tellercast lease'), hashtext($1)) END AS is_first
)
INSERT INTO lease (name, instance, epoch, expires_at)
SELECT $1, $2, 1, now() + $3::bigint * interval '1 ms' FROM session
ON CONFLICT (name) DO UPDATE
  SET epoch = lease.epoch + CASE WHEN lease.instance = excluded.instance THEN 0 ELSE 1 END,
      instance = excluded.instance, expires_at = excluded.expires_at
  WHERE lease.instance = excluded.instance OR lease.expires_at < now() OR (SELECT is_first FROM session)
RETURNING epoch
