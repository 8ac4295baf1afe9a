-- Takes or renews lease :name for :instance and :lease_ms ms, unless another instance holds it. A new holder gets a new
-- epoch. A lease ends early when its holder's database session has ended: the first session that notices gets the
-- advisory lock and the lease. A session that already has the lock does not count as first, since it lost the lease in
-- another way. Returns the epoch (null: another instance holds the lease) and the database's clock.
-- parameters: name text, instance text, lease_ms bigint
-- row: epoch bigint null, now_ms bigint
WITH session AS MATERIALIZED (
  SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND pid = pg_backend_pid())
              THEN false
              ELSE pg_try_advisory_lock(hashtext('tellercast lease'), hashtext(:name)) END AS is_first
), taken AS (
  INSERT INTO lease (name, instance, epoch, expires_at)
  SELECT :name, :instance, 1, now() + :lease_ms::bigint * interval '1 ms' FROM session
  ON CONFLICT (name) DO UPDATE
    SET epoch = lease.epoch + CASE WHEN lease.instance = excluded.instance THEN 0 ELSE 1 END,
        instance = excluded.instance, expires_at = excluded.expires_at
    WHERE lease.instance = excluded.instance OR lease.expires_at < now() OR (SELECT is_first FROM session)
  RETURNING epoch
)
SELECT (SELECT epoch FROM taken) AS epoch, (extract(epoch FROM now()) * 1000)::bigint AS now_ms
