-- Looks at the next :most waiting instructions of rollout :rollout for its oldest exclusion of which that is not whole, and
-- cancels those of excluded devices. One that waits for another attempt ends as the one before, with its code: it stays in
-- gates and abort criteria; only an attempt that an operator ordered counts from nothing. If the rollout was operated on, or
-- the fleet imported, since the look began, it begins again: a waiting instruction may have another time, a device other labels. While an amendment gives
-- them others, page by page, only single devices are looked at: it would move some behind the look. :shard: the counter's
-- shard. Returns how many it looked at and ended. No row: there is nothing to look at now.
-- parameters: rollout bigint, most bigint, shard bigint
-- row: exclusion bigint, looked bigint, ended bigint
WITH pending AS MATERIALIZED (
  SELECT x.id, x.device, x.patterns, x.seen_group, x.seen_due_at, x.seen_instruction, r.version, n.imports,
         CASE WHEN x.seen_instruction = 0 THEN r.version ELSE x.seen_version END AS seen_version,
         CASE WHEN x.seen_instruction = 0 THEN n.imports ELSE x.seen_imports END AS seen_imports,
         CASE WHEN x.device IS NULL THEN :CODE_EXCLUDED ELSE :CODE_SKIPPED END AS code
  FROM exclusion x
  JOIN rollout r ON r.id = x.rollout_id
  CROSS JOIN directory n
  WHERE x.rollout_id = :rollout AND (NOT x.is_whole OR x.device IS NULL AND x.seen_imports <> n.imports)
    AND (x.device IS NOT NULL OR NOT EXISTS (SELECT FROM amendment a WHERE a.rollout_id = :rollout AND a.retimes))
  ORDER BY x.id
  LIMIT 1
  FOR UPDATE OF x SKIP LOCKED -- an import, which may take long, has it
), page AS MATERIALIZED (
  SELECT i.id, i.device, i.group_no, i.due_at
  FROM pending p,
  LATERAL (SELECT w.id, w.device, w.group_no, w.due_at
           FROM instruction w
           WHERE p.device IS NULL AND w.rollout_id = :rollout AND w.due_at IS NOT NULL
             AND (w.group_no, w.due_at, w.id) > (p.seen_group, p.seen_due_at, p.seen_instruction)
           ORDER BY w.group_no, w.due_at, w.id
           LIMIT :most) i
  UNION ALL
  SELECT i.id, i.device, i.group_no, i.due_at
  FROM pending p,
  LATERAL (SELECT s.id, s.device, s.group_no, s.due_at
           FROM instruction s WHERE s.device = p.device AND s.rollout_id = :rollout OFFSET 0) i
), locked AS MATERIALIZED (
  -- In the lock order of the updater.
  SELECT i.id,
         coalesce((SELECT f.state FROM failing f WHERE f.instruction_id = i.id AND f.state IN (:FAILED, :TIMED_OUT) AND NOT f.ordered),
                  :CANCELLED::smallint) AS to_state
  FROM instruction i
  WHERE i.id = ANY (ARRAY(SELECT g.id
                          FROM pending p, page g
                          WHERE p.device IS NOT NULL
                             OR EXISTS (SELECT FROM device d
                                        WHERE d.id = g.device
                                          AND labels_in_force((SELECT b.labels FROM branch b WHERE b.id = d.branch), d.labels, d.model, d.role, d.branch)
                                              @> ANY (p.patterns)
                                        OFFSET 0)))
    AND i.state = :CREATED AND i.substate IN (:SCHEDULED, :NO_WINDOW)
  ORDER BY i.id
  FOR NO KEY UPDATE OF i
), moved AS (
  UPDATE instruction i
  SET state = l.to_state, substate = :FINAL, due_at = NULL, ended_at = now(),
      code = coalesce((SELECT f.code FROM failing f WHERE f.instruction_id = i.id), (SELECT code FROM pending))
  FROM locked l
  WHERE i.id = l.id AND i.state = :CREATED AND i.substate IN (:SCHEDULED, :NO_WINDOW)
  RETURNING i.group_no, i.state
), counted AS (
  INSERT INTO counter (rollout_id, group_no, state, shard, count)
  SELECT :rollout, d.group_no, d.state, :shard, sum(d.change)
  FROM (SELECT group_no, :CREATED::smallint AS state, -1 AS change FROM moved
        UNION ALL SELECT group_no, state, 1 FROM moved) d
  GROUP BY d.group_no, d.state
  ORDER BY d.group_no, d.state
  ON CONFLICT (rollout_id, group_no, state, shard) DO UPDATE SET count = counter.count + excluded.count
), found AS MATERIALIZED (
  SELECT p.id, p.seen_version, p.seen_imports, (SELECT count(*) FROM page) AS looked, (SELECT count(*) FROM moved) AS ended,
         p.device IS NULL AND (SELECT count(*) FROM page) = :most AS has_more, p.version = p.seen_version AND p.imports = p.seen_imports AS is_same,
         l.group_no, l.due_at, l.id AS instruction
  FROM pending p
  LEFT JOIN (SELECT group_no, due_at, id FROM page ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1) l ON true
), kept AS (
  UPDATE exclusion x
  SET ended = x.ended + f.ended, is_whole = NOT f.has_more AND f.is_same, seen_version = f.seen_version, seen_imports = f.seen_imports,
      seen_group = CASE WHEN f.has_more THEN f.group_no ELSE 0 END,
      seen_due_at = CASE WHEN f.has_more THEN f.due_at ELSE '-infinity' END,
      seen_instruction = CASE WHEN f.has_more THEN f.instruction ELSE 0 END
  FROM found f WHERE x.id = f.id
)
SELECT id AS exclusion, looked, ended FROM found
