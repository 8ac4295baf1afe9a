-- Claims what is due of rollout $1, at most $2, for instance $3 and a lease of $4 ms: its group is open, its
-- window is open for as long as an installation takes ($5 ms), its device does nothing else, and its branch
-- has room ($6 devices at most; 0: no limit). A node goes last of its branch and alone.
-- $7 and $8: when to look first at push and pull instructions, in ms from now; $9: how long a push client,
-- and $10: a pull client may take to start, in ms; $11: the counter's shard.
--
-- However many wait, only as many are read as are claimed, or cannot be claimed yet: each open group's are read in
-- the order of its index until there are enough (those due at once lie there in the order of their ids). OFFSET 0
-- makes each look at what is in flight a probe of an index; else all that is in flight would be read.
WITH open_zone AS MATERIALIZED (
  SELECT zone_no, closes_at
  FROM rollout_window
  WHERE rollout_id = $1 AND opens_at <= now() AND closes_at >= now() + $5::bigint * interval '1 ms'
), candidate AS MATERIALIZED (
  SELECT i.*
  FROM rollout_group g,
  LATERAL (
    SELECT d.id, d.device, d.branch, d.due_at, d.zone_no
    FROM instruction d
    WHERE d.rollout_id = $1 AND d.group_no = g.group_no AND d.due_at <= now()
      AND d.zone_no = ANY (ARRAY(SELECT zone_no FROM open_zone))
      AND CASE WHEN d.device = d.branch
               THEN NOT EXISTS (SELECT FROM instruction f WHERE f.branch = d.branch AND f.in_flight OFFSET 0)
               ELSE NOT EXISTS (SELECT FROM instruction f WHERE f.device = d.device AND f.in_flight OFFSET 0)
                    AND NOT EXISTS (SELECT FROM instruction f WHERE f.device = d.branch AND f.in_flight OFFSET 0) END
      AND ($6::bigint = 0 OR d.branch IS NULL
           OR $6::bigint > (SELECT count(*) FROM instruction f WHERE f.branch = d.branch AND f.in_flight))
    ORDER BY d.due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
  ) i
  WHERE g.rollout_id = $1 AND g.state = 'open'
  ORDER BY i.due_at
  LIMIT $2
), ranked AS (
  SELECT c.id, c.branch, c.zone_no,
         c.device IS NOT DISTINCT FROM c.branch AND count(*) OVER (PARTITION BY c.branch) > 1 AS must_wait,
         row_number() OVER (PARTITION BY c.branch
                            ORDER BY c.device IS NOT DISTINCT FROM c.branch, c.due_at, c.id) AS nth
  FROM candidate c
), chosen AS MATERIALIZED (
  SELECT r.id, z.closes_at
  FROM ranked r
  JOIN open_zone z ON z.zone_no = r.zone_no
  WHERE NOT r.must_wait
    AND ($6::bigint = 0 OR r.branch IS NULL
         OR r.nth + (SELECT count(*) FROM instruction f WHERE f.branch = r.branch AND f.in_flight) <= $6::bigint)
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
