-- Claims due instructions of a rollout: at most :claim_limit, for an instance and a lease.
--
-- An instruction is claimed if its group is open; its window is open for as long as an installation takes; its device
-- has nothing in flight; no rollout with precedence needs the device (:higher: running with a higher priority;
-- :preempting: those of them that preempt); and its branch has headroom by this rollout's budget and by those of all
-- rollouts with something in flight there; no freeze is in force for the device, and it is not excluded from the rollout. A
-- group that is paused counts as not open. An instruction in a closed window is postponed to the next one; if there is none it
-- waits for the rollout's end. An order to collect a file of a device has no branch here, so it takes no budget, and no freeze
-- hinders it.
--
-- Sections: own and zone read the rollout; ahead, the rollouts with precedence; due and scanned, the instructions to
-- consider; branch_now, the activity in their branches; candidate, fit and chosen select those that start; place is the
-- position where the next claim continues; claimed and postponed write instructions; counted and lease write what
-- follows; delivery is what the dispatcher gets.
--
-- At most :scan_limit instructions are considered, however many wait: those after the position (:after_group,
-- :after_due_us in microseconds since the epoch, :after_instruction), in index order. Each row of the result has the
-- position to continue from, and whether more follows; the first row may have no instruction.
--
-- :push_next_check_ms and :pull_next_check_ms: the first due check of push and pull instructions; :push_wait_ms and
-- :pull_wait_ms: how long such a client may take to start; :shard: the counter's shard.
--
-- Statistics never know how many instructions wait or are in flight now, so no plan may depend on them: each access to
-- a big table is an index probe, by OFFSET 0, LATERAL or an array; the transaction forbids sequential scans. A section
-- that is not MATERIALIZED is used once, and the query planner merges it into its reader.
-- parameters: rollout bigint, claim_limit bigint, instance text, lease_ms bigint, install_timeout_ms bigint,
--   higher bigint[], push_next_check_ms bigint, pull_next_check_ms bigint, push_wait_ms bigint, pull_wait_ms bigint,
--   shard bigint, preempting bigint[], scan_limit bigint, after_group bigint, after_due_us bigint,
--   after_instruction bigint, version bigint
-- row: claimed.*, waited_ms bigint null, has_more boolean, place_group smallint, place_due_us bigint, place_instruction bigint
WITH own AS MATERIALIZED (
  -- The rollout and its budget, unless its artifact's version is blocked or everything is frozen. At :version, which operations
  -- and amendments raise: else its rate, that the scheduler read, or its windows or its exclusions, which this statement reads,
  -- may be others.
  -- Locked, so that nothing is claimed after a pause or cancel; only if something is due.
  SELECT r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed, r.rollback_of IS NOT NULL AS is_rollback,
         r.door = :COLLECT_ENDPOINT AS is_collect, r.exclusions > 0 AS has_exclusions
  FROM rollout r
  WHERE r.id = :rollout AND r.state = :ROLLOUT_RUNNING AND r.version = :version
    AND r.id <> ALL (ARRAY(SELECT rollout_id FROM blocked_rollout))
    AND (r.door = :COLLECT_ENDPOINT
         OR NOT EXISTS (SELECT FROM freeze_order z
                        WHERE z.lifted_at IS NULL AND z.scope = '{}' AND NOT (z.except_rollback AND r.rollback_of IS NOT NULL)
                        OFFSET 0))
    AND EXISTS (SELECT FROM rollout_group g
                WHERE g.rollout_id = :rollout AND g.state = :GROUP_OPEN AND g.paused_at IS NULL
                  AND EXISTS (SELECT FROM instruction d
                              WHERE d.rollout_id = :rollout AND d.group_no = g.group_no AND d.due_at <= now() OFFSET 0)
                OFFSET 0)
  FOR SHARE
), zone AS MATERIALIZED (
  -- Each zone: when its open window closes, if that leaves time for an installation, and when the next one opens.
  SELECT z.zone_no,
         (SELECT CASE WHEN w.closes_at >= now() + :install_timeout_ms::bigint * interval '1 ms' THEN w.closes_at END
          FROM rollout_window w
          WHERE w.rollout_id = :rollout AND w.zone_no = z.zone_no AND w.opens_at <= now()
          ORDER BY w.opens_at DESC LIMIT 1) AS closes_at,
         (SELECT w.opens_at
          FROM rollout_window w
          WHERE w.rollout_id = :rollout AND w.zone_no = z.zone_no AND w.opens_at > now()
            AND w.closes_at >= w.opens_at + :install_timeout_ms::bigint * interval '1 ms'
          ORDER BY w.opens_at LIMIT 1) AS next_opens_at
  FROM rollout_zone z
  WHERE z.rollout_id = :rollout
), ahead AS MATERIALIZED (
  -- A device waits while a rollout listed here has an instruction for it: due, in the listed open group; or, if group_no
  -- is null (it preempts), one that has not ended or is undecided.
  -- Of a device that is frozen except for rollbacks only those that are rollbacks count.
  SELECT id AS rollout_id, NULL::smallint AS group_no,
         (SELECT r.rollback_of IS NOT NULL FROM rollout r WHERE r.id = p.id) AS is_rollback
  FROM unnest(:preempting::bigint[]) AS p(id)
  UNION ALL
  SELECT g.rollout_id, g.group_no, (SELECT r.rollback_of IS NOT NULL FROM rollout r WHERE r.id = g.rollout_id)
  FROM rollout_group g
  WHERE g.rollout_id = ANY (:higher::bigint[]) AND g.state = :GROUP_OPEN AND g.paused_at IS NULL
    AND EXISTS (SELECT FROM instruction h
                WHERE h.rollout_id = g.rollout_id AND h.group_no = g.group_no AND h.due_at <= now() OFFSET 0)
), due AS (
  -- The next :scan_limit due instructions, by open group in order.
  SELECT d.*
  FROM own,
  (SELECT group_no,
          CASE WHEN group_no = :after_group::bigint THEN timestamptz 'epoch' + :after_due_us::bigint * interval '1 microsecond'
               ELSE '-infinity' END AS from_at
   FROM rollout_group
   WHERE rollout_id = :rollout AND state = :GROUP_OPEN AND paused_at IS NULL AND group_no >= :after_group::bigint
   ORDER BY group_no) g,
  LATERAL (
    SELECT i.id, i.device, i.branch, i.due_at, i.group_no, i.zone_no
    FROM instruction i
    WHERE i.rollout_id = :rollout AND i.group_no = g.group_no AND i.due_at <= now()
      AND (i.due_at, i.id) > (g.from_at, :after_instruction::bigint)
    ORDER BY i.due_at, i.id
    LIMIT :scan_limit
  ) d
  LIMIT :scan_limit
), scanned AS MATERIALIZED (
  -- The same with the end of their window; null: it is closed.
  SELECT i.*, z.closes_at
  FROM due i
  JOIN zone z ON z.zone_no = i.zone_no
), branch_now AS MATERIALIZED (
  -- The activity in each of their branches, and how many devices may be out of service there. `used`: in flight or
  -- unavailable; `repairs`: both. `doubtful`: an instruction that was given up and may still install counts as in flight
  -- until such an installation has ended.
  SELECT b.branch, b.scanned, f.assignments, f.doubtful, f.has_node, f.used, f.down,
         f.assignments + cardinality(f.down) - f.used AS repairs,
         least(branch_room(b.machines, own.max_unavailable, own.max_unavailable_percent, own.single_device_allowed),
               f.headroom) AS headroom
  FROM own,
  (SELECT l.branch, l.scanned, (SELECT b.machines FROM branch b WHERE b.id = l.branch) AS machines
   FROM (SELECT branch, count(*) AS scanned
         FROM scanned WHERE branch IS NOT NULL AND closes_at IS NOT NULL GROUP BY branch) l
   OFFSET 0) b,
  LATERAL (
    SELECT count(DISTINCT f.device) AS used, count(DISTINCT f.device) FILTER (WHERE NOT f.is_down) AS assignments,
           bool_or(f.device = b.branch) AS has_node,
           coalesce(array_agg(f.device) FILTER (WHERE f.is_doubtful), '{}') AS doubtful,
           coalesce(array_agg(f.device) FILTER (WHERE f.is_down), '{}') AS down,
           min(CASE WHEN f.rollout_id <> :rollout AND NOT f.is_down THEN
                 (SELECT branch_room(b.machines, r.max_unavailable, r.max_unavailable_percent, r.single_device_allowed)
                  FROM rollout r WHERE r.id = f.rollout_id) END) AS headroom
    FROM (SELECT f.device, f.rollout_id, false AS is_doubtful, false AS is_down
          FROM instruction f
          WHERE f.branch = b.branch AND f.in_flight
          UNION ALL
          SELECT o.device, o.rollout_id, true, false
          FROM instruction o
          WHERE o.branch = b.branch AND o.branch IS NOT NULL AND o.may_install_until > now()
          UNION ALL
          SELECT u.device, u.rollout_id, false, true
          FROM unavailable u
          WHERE u.branch = b.branch) f
  ) f
), candidate AS (
  -- Instructions whose window is open, whose branch has headroom and whose device is neither frozen nor excluded. An attempt on an unavailable machine takes no
  -- headroom, but a branch has one at a time. A node goes last of its branch, and alone.
  SELECT l.id, l.device, l.branch, l.group_no, l.due_at, d.is_repair, r.headroom_left
  FROM scanned l
  LEFT JOIN branch_now b ON b.branch = l.branch,
  LATERAL (SELECT (l.device = ANY (b.doubtful))::integer AS doubtful,
                  coalesce(l.device = ANY (b.down), false) AS is_repair) d, -- of the device itself
  LATERAL (SELECT CASE WHEN b.headroom IS NULL THEN NULL
                    WHEN d.is_repair THEN 1 - (b.repairs - d.doubtful)
                    ELSE b.headroom - (b.used - d.doubtful) END AS headroom_left) r
  WHERE l.closes_at IS NOT NULL
    AND (b.headroom IS NULL OR r.headroom_left > 0)
    AND CASE WHEN l.device = l.branch THEN b.scanned = 1 AND b.assignments - d.doubtful = 0
          ELSE b.has_node IS NOT TRUE END
    AND ((SELECT is_collect FROM own)
         OR NOT EXISTS (SELECT FROM freeze_order WHERE lifted_at IS NULL)
         OR NOT EXISTS (SELECT FROM frozen_device z
                        WHERE z.device = l.device AND z.lifted_at IS NULL
                          AND NOT (z.except_rollback AND (SELECT is_rollback FROM own))
                        OFFSET 0))
    AND (NOT (SELECT has_exclusions FROM own) OR exclusion_of(:rollout, l.device) IS NULL)
  OFFSET 0
), fit AS (
  -- Instructions whose device is free for this rollout, numbered within their branch.
  SELECT i.id, i.group_no, i.due_at, i.headroom_left,
         row_number() OVER (PARTITION BY i.branch, i.is_repair ORDER BY i.group_no, i.due_at, i.id) AS nth
  FROM candidate i
  WHERE NOT EXISTS (SELECT FROM instruction f WHERE f.device = i.device AND f.in_flight OFFSET 0)
    AND NOT EXISTS (SELECT
                    FROM ahead a,
                    LATERAL (SELECT h.group_no, h.due_at, h.state, h.substate
                             FROM instruction h
                             WHERE h.device = i.device AND h.rollout_id = a.rollout_id
                             OFFSET 0) h
                    WHERE CASE WHEN a.group_no IS NULL THEN h.state < :FIRST_END OR h.substate = :UNDECIDED
                            ELSE h.group_no = a.group_no AND h.due_at <= now() END
                      AND (a.is_rollback OR NOT (SELECT is_rollback FROM own)
                           OR NOT EXISTS (SELECT FROM frozen_device z WHERE z.device = i.device AND z.lifted_at IS NULL OFFSET 0)))
), chosen AS MATERIALIZED (
  -- As many as the headroom of their branches allows.
  SELECT id, group_no, due_at
  FROM fit
  WHERE headroom_left IS NULL OR nth <= headroom_left
  ORDER BY group_no, due_at, id
  LIMIT :claim_limit
), place AS (
  -- Where the next claim continues: after the last chosen if the limit was reached, else after the last scanned.
  SELECT n.scanned = :scan_limit OR n.chosen = :claim_limit AS has_more, p.group_no, p.due_at, p.id
  FROM (SELECT (SELECT count(*) FROM scanned) AS scanned, (SELECT count(*) FROM chosen) AS chosen) n,
  LATERAL (
    (SELECT group_no, due_at, id FROM chosen WHERE n.chosen = :claim_limit ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1)
    UNION ALL
    (SELECT group_no, due_at, id FROM scanned WHERE n.chosen < :claim_limit ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1)
  ) p
), claimed AS (
  -- Starts them. dispatched_at is not now(): the transaction began before the claims that it waited for and counts.
  UPDATE instruction i
  SET state = :DISPATCHED, substate = :ACTIVE, in_flight = true, due_at = NULL, may_install_until = NULL,
      dispatched_at = statement_timestamp(), sequence = 0, progress = NULL, sent_at = NULL, received_at = NULL, installing_at = NULL, ended_at = NULL,
      wake_at = now() + CASE WHEN i.pull THEN :pull_next_check_ms::bigint ELSE :push_next_check_ms::bigint END * interval '1 ms',
      start_before = least((SELECT closes_at FROM zone WHERE zone_no = i.zone_no) - :install_timeout_ms::bigint * interval '1 ms',
                           now() + CASE WHEN i.pull THEN :pull_wait_ms::bigint ELSE :push_wait_ms::bigint END * interval '1 ms')
  WHERE i.id = ANY (ARRAY(SELECT id FROM chosen)) AND (i.due_at <= now()) IS TRUE -- this form leaves the query planner only the key
  RETURNING i.id, i.device, i.branch, i.attempt, i.pull, i.group_no, i.start_before, i.dispatched_at
), postponed AS (
  -- Postpones instructions in a closed window to the next one, if there is one.
  UPDATE instruction i
  SET (due_at, substate) =
        (SELECT coalesce(z.next_opens_at, 'infinity'), CASE WHEN z.next_opens_at IS NULL THEN :NO_WINDOW ELSE :SCHEDULED END
         FROM zone z WHERE z.zone_no = i.zone_no)
  WHERE i.id = ANY (ARRAY(SELECT id FROM scanned WHERE closes_at IS NULL)) AND (i.due_at <= now()) IS TRUE
), counted AS (
  -- Updates the counters of the states.
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT :rollout, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT group_no, :CREATED AS state, -1 AS change FROM claimed
        UNION ALL SELECT group_no, :DISPATCHED, 1 FROM claimed) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), lease AS (
  -- The instance holds the claim until it is delivered.
  INSERT INTO claim (instance, lease_until, rollout_id, instructions)
  SELECT :instance, now() + :lease_ms::bigint * interval '1 ms', :rollout, array_agg(id) FROM claimed HAVING count(*) > 0
  RETURNING id
), delivery AS (
  -- The facts that the dispatcher needs.
  SELECT lease.id AS claim, c.id AS instruction, c.device, coalesce(r.branch, '') AS branch, c.attempt, c.pull,
         c.device = r.branch AS node, floor(extract(epoch FROM c.start_before))::bigint AS start_before_s, :rollout AS rollout,
         (SELECT epoch FROM installation) AS epoch,
         EXISTS (SELECT FROM unavailable u WHERE u.device = c.device) AS out_of_service,
         -- Since it became due: the row before the claim has that.
         (SELECT (extract(epoch FROM c.dispatched_at - o.due_at) * 1000)::bigint FROM instruction o WHERE o.id = c.id OFFSET 0) AS waited_ms
  FROM claimed c, lease,
  LATERAL (SELECT coalesce(c.branch, (SELECT d.branch FROM device d WHERE d.id = c.device)) AS branch) r
)
SELECT c.*, p.has_more, p.group_no AS place_group, (extract(epoch FROM p.due_at) * 1000000)::bigint AS place_due_us,
       p.id AS place_instruction
FROM place p
LEFT JOIN delivery c ON true
ORDER BY c.branch, c.instruction
