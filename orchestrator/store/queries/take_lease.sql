-- $2 holds the lease $1 for $3 ms more, if nobody else does; a new holder gets a new epoch.
INSERT INTO lease (name, instance, epoch, expires_at)
VALUES ($1, $2, 1, now() + $3::bigint * interval '1 ms')
ON CONFLICT (name) DO UPDATE
  SET epoch = lease.epoch + CASE WHEN lease.instance = excluded.instance THEN 0 ELSE 1 END,
      instance = excluded.instance, expires_at = excluded.expires_at
  WHERE lease.instance = excluded.instance OR lease.expires_at < now()
RETURNING epoch
