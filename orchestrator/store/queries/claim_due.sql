-- Claims what is due of rollout $1, at most $2, for instance $3 and a lease of $4 ms: its group is open, its
-- window is open for as long as an installation takes ($5 ms), its device does nothing else, and its branch
-- has room ($6 devices at most; 0: no limit). A node goes last of its branch and alone.
-- $7 and $8: when to look first at push and pull instructions, in ms from now; $9: how long a push client,
-- and $10: a pull client may take to start, in ms; $11: the counter's shard.
WITH candidate AS (
  SELECT i.id, i.device, i.branch, i.due_at, w.closes_at
  FROM instruction i
  JOIN rollout_group g ON g.rollout_id = i.rollout_id AND g.group_no = i.group_no AND g.state = 'open'
  JOIN rollout_window w ON w.rollout_id = i.rollout_id AND w.zone_no = i.zone_no
                       AND w.opens_at <= now() AND w.closes_at >= now() + $5::bigint * interval '1 ms'
  WHERE i.rollout_id = $1 AND i.due_at <= now()
    AND NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.device AND f.in_flight)
    AND CASE WHEN i.device = i.branch
             THEN NOT EXISTS (SELECT FROM instruction f WHERE f.branch = i.branch AND f.in_flight)
             ELSE NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.branch AND f.in_flight) END
  ORDER BY i.due_at, i.id
  LIMIT $2
  FOR UPDATE OF i SKIP LOCKED
), ranked AS (
  SELECT c.id, c.branch, c.closes_at,
         c.device IS NOT DISTINCT FROM c.branch AND count(*) OVER (PARTITION BY c.branch) > 1 AS must_wait,
         row_number() OVER (PARTITION BY c.branch
                            ORDER BY c.device IS NOT DISTINCT FROM c.branch, c.due_at, c.id) AS nth
  FROM candidate c
), flying AS (
  SELECT f.branch, count(*) AS devices
  FROM instruction f
  WHERE $6::bigint > 0 AND f.in_flight AND f.branch IN (SELECT branch FROM candidate)
  GROUP BY f.branch
), chosen AS (
  SELECT r.id, r.closes_at
  FROM ranked r
  LEFT JOIN flying f ON f.branch = r.branch
  WHERE NOT r.must_wait
    AND ($6::bigint = 0 OR r.branch IS NULL OR r.nth + coalesce(f.devices, 0) <= $6::bigint)
), claimed AS (
  UPDATE instruction i
  SET state = 1, in_flight = true, due_at = NULL, dispatched_at = now(), sequence = 0, progress = NULL,
      sent_at = NULL, received_at = NULL, installing_at = NULL, ended_at = NULL,
      wake_at = now() + CASE WHEN i.pull THEN $8::bigint ELSE $7::bigint END * interval '1 ms',
      start_before = least(c.closes_at - $5::bigint * interval '1 ms',
                           now() + CASE WHEN i.pull THEN $10::bigint ELSE $9::bigint END * interval '1 ms')
  FROM chosen c
  WHERE i.id = c.id
  RETURNING i.id, i.device, i.branch, i.attempt, i.pull, i.group_no, i.start_before
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT $1, d.group_no, d.state, $11, sum(d.change)
  FROM (SELECT group_no, 0 AS state, -1 AS change FROM claimed
        UNION ALL SELECT group_no, 1, 1 FROM claimed) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), lease AS (
  INSERT INTO claim (instance, lease_until, rollout_id, instructions)
  SELECT $3, now() + $4::bigint * interval '1 ms', $1, array_agg(id) FROM claimed HAVING count(*) > 0
  RETURNING id
)
SELECT lease.id AS claim, c.id, c.device, coalesce(c.branch, '') AS branch, c.attempt, c.pull, c.device = c.branch AS node,
       floor(extract(epoch FROM c.start_before))::bigint AS start_before_s, $1 AS rollout, installation.epoch
FROM claimed c, lease, installation
ORDER BY c.branch, c.id
