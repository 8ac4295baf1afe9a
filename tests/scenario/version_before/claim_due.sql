-- Claims what is due of rollout $1, at most $2, for instance $3 and a lease of $4 ms: its group is open, its window is
-- open for as long as an installation takes ($5 ms), its device does nothing else, no rollout that goes before it ($6:
-- those running with a higher priority; $12: those of them that preempt) needs the device, and its branch has room by
-- this rollout's budget and by those of all rollouts with something in flight there. What was given up after it was
-- answered may have begun to install by its last moment for that, and is in flight until such an installation is over,
-- too. What is out of service there comes on top of the budget, but never so that no machine is left to serve. A node
-- goes last of its branch and alone. What lies in a closed window goes to the next one; if there is none it waits for
-- the rollout's end.
-- $7 and $8: when to look first at push and pull instructions, in ms from now; $9: how long a push client, and $10: a
-- pull client may take to start, in ms; $11: the counter's shard.
--
-- However many wait, at most $13 are looked at: those behind the place ($14: group, $15: due, in microseconds since
-- the epoch, $16: instruction), in the order of the index. Each row of the answer has the place to go on from, and
-- whether there is more behind it; the first may be without an instruction.
--
-- Statistics never tell how many wait or fly just now, so no plan may depend on them: of the big tables each look is a
-- probe of an index, by OFFSET 0, LATERAL or an array; the transaction allows no reading of whole tables.
WITH own AS MATERIALIZED (
  -- Locked, so that nothing is claimed once somebody has paused or cancelled it; not if there is nothing to claim.
  SELECT r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed
  FROM rollout r
  WHERE r.id = $1 AND r.state = 'running'
    AND EXISTS (SELECT FROM rollout_group g
                WHERE g.rollout_id = $1 AND g.state = 'open'
                  AND EXISTS (SELECT FROM instruction d
                              WHERE d.rollout_id = $1 AND d.group_no = g.group_no AND d.due_at <= now() OFFSET 0)
                OFFSET 0)
  FOR SHARE
), zone AS MATERIALIZED (
  SELECT z.zone_no,
         (SELECT CASE WHEN w.closes_at >= now() + $5::bigint * interval '1 ms' THEN w.closes_at END
          FROM rollout_window w
          WHERE w.rollout_id = $1 AND w.zone_no = z.zone_no AND w.opens_at <= now()
          ORDER BY w.opens_at DESC LIMIT 1) AS closes_at,
         (SELECT w.opens_at
          FROM rollout_window w
          WHERE w.rollout_id = $1 AND w.zone_no = z.zone_no AND w.opens_at > now()
            AND w.closes_at >= w.opens_at + $5::bigint * interval '1 ms'
          ORDER BY w.opens_at LIMIT 1) AS next_opens_at
  FROM rollout_zone z
  WHERE z.rollout_id = $1
), ahead AS MATERIALIZED (
  -- What a device must not have for us to have it: in a group given, something due; without one, anything unended.
  SELECT id AS rollout_id, NULL::smallint AS group_no FROM unnest($12::bigint[]) AS id
  UNION ALL
  SELECT g.rollout_id, g.group_no
  FROM rollout_group g
  WHERE g.rollout_id = ANY ($6::bigint[]) AND g.state = 'open'
    AND EXISTS (SELECT FROM instruction h
                WHERE h.rollout_id = g.rollout_id AND h.group_no = g.group_no AND h.due_at <= now() OFFSET 0)
), looked AS MATERIALIZED (
  SELECT i.*, z.closes_at
  FROM (
    SELECT d.*
    FROM own,
    (SELECT group_no,
            CASE WHEN group_no = $14::bigint THEN timestamptz 'epoch' + $15::bigint * interval '1 microsecond'
                 ELSE '-infinity' END AS from_at
     FROM rollout_group
     WHERE rollout_id = $1 AND state = 'open' AND group_no >= $14::bigint
     ORDER BY group_no) g,
    LATERAL (
      SELECT i.id, i.device, i.branch, i.due_at, i.group_no, i.zone_no
      FROM instruction i
      WHERE i.rollout_id = $1 AND i.group_no = g.group_no AND i.due_at <= now()
        AND (i.due_at, i.id) > (g.from_at, $16::bigint)
      ORDER BY i.due_at, i.id
      LIMIT $13
    ) d
    LIMIT $13
  ) i
  JOIN zone z ON z.zone_no = i.zone_no
), branch_now AS MATERIALIZED (
  SELECT b.branch, b.looked, b.machines, f.flights, f.doubtful, f.has_node, d.down,
         least(branch_room(b.machines, own.max_unavailable, own.max_unavailable_percent, own.single_device_allowed),
               f.room) AS room
  FROM own,
  (SELECT l.branch, l.looked, (SELECT b.machines FROM branch b WHERE b.id = l.branch) AS machines
   FROM (SELECT branch, count(*) AS looked
         FROM looked WHERE branch IS NOT NULL AND closes_at IS NOT NULL GROUP BY branch) l
   OFFSET 0) b,
  LATERAL (
    SELECT count(DISTINCT f.device) AS flights, bool_or(f.device = b.branch) AS has_node,
           coalesce(array_agg(f.device) FILTER (WHERE f.is_doubtful), '{}') AS doubtful,
           min(CASE WHEN f.rollout_id <> $1 THEN
                 (SELECT branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)
                  FROM rollout r WHERE r.id = f.rollout_id) END) AS room
    FROM (SELECT f.device, f.rollout_id, false AS is_doubtful
          FROM instruction f
          WHERE f.branch = b.branch AND f.in_flight
          UNION ALL
          SELECT o.device, o.rollout_id, true
          FROM instruction o
          WHERE o.branch = b.branch AND o.code IN ('not_installing', 'atm_silent', 'device_silent')
            AND o.branch IS NOT NULL AND NOT o.in_flight AND o.sent_at IS NOT NULL
            AND o.start_before > now() - (SELECT (r.plan #>> '{spec,execution,installTimeout}')::bigint
                                          FROM rollout r WHERE r.id = o.rollout_id) * interval '1 s') f
  ) f,
  LATERAL (
    SELECT coalesce(array_agg(DISTINCT o.device), '{}') AS down
    FROM instruction o
    WHERE o.branch = b.branch AND o.code IN ('out_of_service', 'install_timeout') AND o.branch IS NOT NULL
      AND NOT o.in_flight AND o.device <> o.branch
      AND (SELECT r.state IN ('running', 'paused', 'cancelling') FROM rollout r WHERE r.id = o.rollout_id)
      AND NOT EXISTS (SELECT FROM instruction f WHERE f.device = o.device AND f.in_flight OFFSET 0)
  ) d
), fit AS (
  SELECT i.id, i.group_no, i.due_at, i.room_left,
         row_number() OVER (PARTITION BY i.branch ORDER BY i.group_no, i.due_at, i.id) AS nth
  FROM (SELECT l.id, l.device, l.branch, l.group_no, l.due_at, r.room_left
        FROM looked l
        LEFT JOIN branch_now b ON b.branch = l.branch,
        LATERAL (SELECT b.flights - (l.device = ANY (b.doubtful))::integer AS flights) o, -- of others
        LATERAL (SELECT CASE WHEN b.room IS NULL OR l.device = l.branch THEN b.room
                          ELSE least(b.room, greatest(b.room, b.machines - 1)
                                             - cardinality(array_remove(b.down, l.device))) END
                        - o.flights AS room_left) r
        WHERE l.closes_at IS NOT NULL
          AND (b.room IS NULL OR r.room_left > 0)
          AND CASE WHEN l.device = l.branch THEN b.looked = 1 AND o.flights = 0 ELSE b.has_node IS NOT TRUE END
        OFFSET 0) i
  WHERE NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.device AND f.in_flight OFFSET 0)
    AND NOT EXISTS (SELECT
                    FROM ahead a,
                    LATERAL (SELECT h.group_no, h.due_at, h.state, h.wake_at
                             FROM instruction h
                             WHERE h.device = i.device AND h.rollout_id = a.rollout_id
                             OFFSET 0) h
                    WHERE CASE WHEN a.group_no IS NULL THEN h.state < 5 OR h.wake_at IS NOT NULL
                            ELSE h.group_no = a.group_no AND h.due_at <= now() END)
), chosen AS MATERIALIZED (
  SELECT id, group_no, due_at
  FROM fit
  WHERE room_left IS NULL OR nth <= room_left
  ORDER BY group_no, due_at, id
  LIMIT $2
), place AS (
  SELECT n.looked = $13 OR n.chosen = $2 AS has_more, p.group_no, p.due_at, p.id
  FROM (SELECT (SELECT count(*) FROM looked) AS looked, (SELECT count(*) FROM chosen) AS chosen) n,
  LATERAL (
    (SELECT group_no, due_at, id FROM chosen WHERE n.chosen = $2 ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1)
    UNION ALL
    (SELECT group_no, due_at, id FROM looked WHERE n.chosen < $2 ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1)
  ) p
), claimed AS (
  UPDATE instruction i
  SET state = 1, in_flight = true, due_at = NULL, dispatched_at = now(), sequence = 0, progress = NULL,
      sent_at = NULL, received_at = NULL, installing_at = NULL, ended_at = NULL,
      wake_at = now() + CASE WHEN i.pull THEN $8::bigint ELSE $7::bigint END * interval '1 ms',
      start_before = least((SELECT closes_at FROM zone WHERE zone_no = i.zone_no) - $5::bigint * interval '1 ms',
                           now() + CASE WHEN i.pull THEN $10::bigint ELSE $9::bigint END * interval '1 ms')
  WHERE i.id = ANY (ARRAY(SELECT id FROM chosen)) AND (i.due_at <= now()) IS TRUE -- so written, only the key is a choice
  RETURNING i.id, i.device, i.branch, i.attempt, i.pull, i.group_no, i.start_before
), postponed AS (
  UPDATE instruction i
  SET due_at = coalesce((SELECT next_opens_at FROM zone WHERE zone_no = i.zone_no), 'infinity')
  WHERE i.id = ANY (ARRAY(SELECT id FROM looked WHERE closes_at IS NULL)) AND (i.due_at <= now()) IS TRUE
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
SELECT c.*, p.has_more, p.group_no AS place_group, (extract(epoch FROM p.due_at) * 1000000)::bigint AS place_due_us,
       p.id AS place_instruction
FROM place p
LEFT JOIN (
  SELECT lease.id AS claim, c.id, c.device, coalesce(c.branch, '') AS branch, c.attempt, c.pull,
         c.device = c.branch AS node, floor(extract(epoch FROM c.start_before))::bigint AS start_before_s, $1 AS rollout,
         (SELECT epoch FROM installation) AS epoch
  FROM claimed c, lease
) c ON true
ORDER BY c.branch, c.id
