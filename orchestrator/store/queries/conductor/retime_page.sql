-- Gives the next :most waiting instructions of rollout :rollout other times, for the oldest amendment that asks for it: due at
-- the first time at which an installation (:install_timeout_ms) fits in a window of their zone; without such a window they wait for the rollout's
-- end. They keep their order. An instruction that waits for another attempt keeps its time, unless it has no window. Returns
-- how many it looked at. No row: no amendment asks for it.
-- parameters: rollout bigint, most bigint, install_timeout_ms bigint
-- row: looked bigint
WITH pending AS MATERIALIZED (
  SELECT a.number, a.seen_group, a.seen_due_at, a.seen_instruction
  FROM amendment a
  WHERE a.rollout_id = :rollout AND a.retimes
  ORDER BY a.number
  LIMIT 1
), zone AS MATERIALIZED (
  SELECT z.zone_no,
         (SELECT greatest(w.opens_at, now())
          FROM rollout_window w
          WHERE w.rollout_id = :rollout AND w.zone_no = z.zone_no
            AND w.closes_at >= greatest(w.opens_at, now()) + :install_timeout_ms::bigint * interval '1 ms'
          ORDER BY w.opens_at LIMIT 1) AS first_due_at
  FROM rollout_zone z
  WHERE z.rollout_id = :rollout
), page AS MATERIALIZED (
  SELECT w.id, w.group_no, w.due_at
  FROM instruction w, pending p
  WHERE w.rollout_id = :rollout AND w.due_at > now() AND (w.group_no, w.due_at, w.id) > (p.seen_group, p.seen_due_at, p.seen_instruction)
  ORDER BY w.group_no, w.due_at, w.id
  LIMIT :most
), locked AS MATERIALIZED (
  -- In the lock order of the updater; as they are then.
  SELECT i.id, i.due_at, i.zone_no, i.attempt
  FROM instruction i
  WHERE i.id = ANY (ARRAY(SELECT id FROM page)) AND i.due_at > now() AND i.state = :CREATED AND i.substate IN (:SCHEDULED, :NO_WINDOW)
  ORDER BY i.id
  FOR NO KEY UPDATE OF i
), moved AS (
  UPDATE instruction i
  SET due_at = coalesce(z.first_due_at, 'infinity'),
      substate = CASE WHEN z.first_due_at IS NULL THEN :NO_WINDOW ELSE :SCHEDULED END
  FROM locked l
  JOIN zone z ON z.zone_no = l.zone_no
  WHERE i.id = l.id AND (l.attempt = 1 OR l.due_at = 'infinity')
    AND l.due_at <> coalesce(z.first_due_at, 'infinity') AND (z.first_due_at IS NULL OR l.due_at > z.first_due_at)
), kept AS (
  UPDATE amendment a
  SET retimes = n.looked = :most, seen_group = coalesce(l.group_no, a.seen_group), seen_due_at = coalesce(l.due_at, a.seen_due_at),
      seen_instruction = coalesce(l.id, a.seen_instruction)
  FROM (SELECT count(*) AS looked FROM page) n
  LEFT JOIN (SELECT group_no, due_at, id FROM page ORDER BY group_no DESC, due_at DESC, id DESC LIMIT 1) l ON true
  WHERE a.rollout_id = :rollout AND a.number = (SELECT p.number FROM pending p)
)
SELECT (SELECT count(*) FROM page) AS looked FROM pending
