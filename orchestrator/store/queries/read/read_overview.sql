-- Reads what an operator looks at first: what needs attention, the rollouts that are not over, the branches without headroom,
-- the windows of the next day, and reviews (:sees_reviews), of what is in :patterns (null: everywhere). Of rollouts that lie
-- partly in :patterns the devices inside are counted, of the smallest ones with :searched devices together; of others `devices` is what
-- the counts of labels tell of a scope of one label, and the rest is null. Counts the machines of no more than :busy_branches
-- branches, and no more than :most_failing devices of a rollout that will be tried again; looks at no more than :most rollouts.
-- parameters: patterns text, sees_reviews boolean, busy_branches bigint, most bigint, most_failing bigint, searched bigint
-- row: document.*
-- alone
WITH one_label AS MATERIALIZED (
  -- Of patterns of one label the counts of a rollout's labels tell all: here without a call of rollout_labels_tell() a rollout.
  SELECT count(DISTINCT k.key) = 1 AND count(*) = jsonb_array_length(:patterns::jsonb) AND NOT EXISTS (SELECT FROM relabelled) AS is_one
  FROM jsonb_array_elements(:patterns::jsonb) p, jsonb_object_keys(p.value) k(key)
), open_rollout AS MATERIALIZED (
  SELECT r AS rollout, r.id, r.state, c.inside::bigint AS inside,
         CASE WHEN c.inside IS NULL THEN rollout_is_within(r, :patterns::jsonb)
           ELSE c.inside = r.devices OR patterns_cover(:patterns::jsonb, r.author_scope::jsonb) END AS is_whole
  FROM rollout r,
  LATERAL (
    SELECT CASE WHEN (SELECT l.is_one FROM one_label l) AND r.devices > 0
                     AND EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at)
             THEN (SELECT coalesce(sum(m.devices), 0) FROM rollout_label m
                   WHERE m.rollout_id = r.id AND m.label = ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))) END AS inside
    OFFSET 0
  ) c
  WHERE r.door <> :COLLECT_ENDPOINT
    AND r.state IN (:ROLLOUT_ACCEPTED, :ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING)
    AND CASE WHEN c.inside IS NULL THEN rollout_touches(r, :patterns::jsonb) ELSE c.inside > 0 END
  ORDER BY r.id DESC
  LIMIT :most
), part AS MATERIALIZED (
  -- Those that lie partly in :patterns and are counted.
  SELECT z.id, z.first_id, z.last_id
  FROM (SELECT o.id, first_instruction_of(o.rollout) AS first_id, last_instruction_of(o.rollout) AS last_id,
               sum((o.rollout).devices) OVER (ORDER BY (o.rollout).devices, o.id) AS searched_so_far
        FROM open_rollout o
        WHERE NOT o.is_whole AND (o.rollout).devices > 0 AND first_instruction_of(o.rollout) > 0) z
  WHERE z.searched_so_far <= :searched::bigint
), inside AS MATERIALIZED (
  SELECT p.id AS rollout_id, i.id, i.state, i.zone_no
  FROM part p,
  LATERAL (SELECT n.id, n.state, n.zone_no, n.device
           FROM instruction n
           WHERE n.rollout_id = p.id AND n.id BETWEEN p.first_id AND p.last_id OFFSET 0) i
  WHERE (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search s WHERE s.device = i.device)
), inside_state AS MATERIALIZED (
  SELECT m.rollout_id, m.state, count(*) AS count FROM inside m GROUP BY m.rollout_id, m.state
), halted AS MATERIALIZED (
  -- Those that halted, or were cancelled by an abort, within a day.
  SELECT h.* FROM (SELECT r.id, r.name, coalesce(a.reason, r.detail) AS detail, r.ended_at, a.reason IS NOT NULL AS is_aborted,
                          rollout_is_within(r, :patterns::jsonb) AS is_whole, rollout_touches(r, :patterns::jsonb) AS touches
                   FROM rollout r
                   LEFT JOIN LATERAL (SELECT coalesce(e.reason, '') AS reason FROM rollout_event e
                                      WHERE e.rollout_id = r.id AND e.kind = :KIND_ABORTED
                                      ORDER BY e.id DESC LIMIT 1) a ON r.state = :ROLLOUT_CANCELLED
                   WHERE r.door <> :COLLECT_ENDPOINT AND r.ended_at > now() - interval '1 day'
                     AND (r.state = :ROLLOUT_HALTED OR r.state = :ROLLOUT_CANCELLED AND a.reason IS NOT NULL)
                   ORDER BY r.ended_at DESC LIMIT :most) h
  WHERE h.touches
), told AS MATERIALIZED (
  SELECT o.id, o.rollout, o.state, o.is_whole,
         CASE WHEN o.is_whole THEN (o.rollout).devices WHEN k.is_counted THEN c.devices ELSE o.inside END AS devices,
         CASE WHEN k.is_counted THEN c.failed END AS failed, CASE WHEN k.is_counted THEN c.timed_out END AS timed_out,
         CASE WHEN k.is_counted THEN c.rejected END AS rejected, CASE WHEN k.is_counted THEN n.failing END AS failing,
         n.codes,
         CASE WHEN k.is_counted THEN c.ended END AS ended, CASE WHEN k.is_counted THEN c.completed END AS completed,
         CASE WHEN k.is_counted THEN c.in_flight END AS in_flight,
         CASE WHEN o.state = :ROLLOUT_RUNNING THEN f.end_at END AS forecast_end_at,
         CASE WHEN o.state = :ROLLOUT_RUNNING
           THEN (SELECT greatest(p.worst_end_at, f.end_at, now()) FROM rollout_forecast_point p
                 WHERE p.rollout_id = o.id ORDER BY p.minute DESC LIMIT 1) END AS worst_end_at, d.due_at AS oldest_due_at,
         l.kind AS last_kind, l.reason AS last_reason, l.at AS last_at
  FROM open_rollout o
  LEFT JOIN rollout_forecast f ON f.rollout_id = o.id
  CROSS JOIN LATERAL (SELECT o.is_whole OR EXISTS (SELECT FROM part p WHERE p.id = o.id) AS is_counted) k
  CROSS JOIN LATERAL (
           SELECT coalesce(sum(c.count), 0)::bigint AS devices, coalesce(sum(c.count) FILTER (WHERE c.state = :FAILED), 0)::bigint AS failed,
                  coalesce(sum(c.count) FILTER (WHERE c.state = :TIMED_OUT), 0)::bigint AS timed_out,
                  coalesce(sum(c.count) FILTER (WHERE c.state = :REJECTED), 0)::bigint AS rejected,
                  coalesce(sum(c.count) FILTER (WHERE c.state = :COMPLETED), 0)::bigint AS completed,
                  coalesce(sum(c.count) FILTER (WHERE c.state >= :FIRST_END), 0)::bigint AS ended,
                  coalesce(sum(c.count) FILTER (WHERE c.state BETWEEN :DISPATCHED AND :INSTALLING), 0)::bigint AS in_flight,
                  coalesce(sum(c.count) FILTER (WHERE c.state > :TIMED_OUT), 0) > 0 AS has_given_up
           FROM (SELECT c.state, c.count FROM counter c WHERE o.is_whole AND c.rollout_id = o.id
                 UNION ALL
                 SELECT c.state, c.count FROM inside_state c WHERE NOT o.is_whole AND c.rollout_id = o.id) c) c
  CROSS JOIN LATERAL (SELECT coalesce(sum(f.count), 0)::bigint AS failing,
                             coalesce(string_agg(coalesce(f.code, 'no code') || ' ' || f.count, ', ' ORDER BY f.count DESC, f.code), '') AS codes
                      FROM (SELECT f.code, count(*) AS count
                            FROM (SELECT f.code FROM failing f
                                  WHERE f.rollout_id = o.id AND NOT f.ordered
                                    AND (o.is_whole OR f.instruction_id IN (SELECT m.id FROM inside m))
                                    -- What fails no more is here only when it was given up.
                                    AND (NOT c.has_given_up
                                         OR (SELECT i.state < :FIRST_END FROM instruction i WHERE i.id = f.instruction_id))
                                  LIMIT :most_failing) f
                            GROUP BY f.code) f) n
  LEFT JOIN LATERAL (SELECT i.due_at
                     FROM rollout_group g,
                     LATERAL (SELECT i.due_at FROM instruction i
                              WHERE i.rollout_id = o.id AND i.group_no = g.group_no AND i.due_at <= now()
                              ORDER BY i.due_at, i.id LIMIT 1) i
                     WHERE g.rollout_id = o.id AND g.state = :GROUP_OPEN AND g.paused_at IS NULL AND o.state = :ROLLOUT_RUNNING AND o.is_whole
                     ORDER BY i.due_at LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT e.kind, e.reason, e.at FROM rollout_event e
                     WHERE e.rollout_id = o.id AND e.kind IN (:KIND_PAUSED, :KIND_ABORTED)
                     ORDER BY e.id DESC LIMIT 1) l ON o.state = :ROLLOUT_PAUSED
), busy AS MATERIALIZED (
  -- The branches in :patterns: first those with an unavailable machine, then those with an instruction in flight, each found by
  -- the one before it.
  SELECT b.branch
  FROM (WITH RECURSIVE next_one AS (
          (SELECT i.branch FROM instruction i WHERE i.in_flight AND i.branch IS NOT NULL ORDER BY i.branch LIMIT 1)
          UNION ALL
          SELECT (SELECT i.branch FROM instruction i
                  WHERE i.in_flight AND i.branch IS NOT NULL AND i.branch > n.branch
                  ORDER BY i.branch LIMIT 1)
          FROM next_one n WHERE n.branch IS NOT NULL
        )
        (SELECT u.branch, 0 AS place
         FROM (SELECT DISTINCT u.branch FROM unavailable u WHERE u.branch IS NOT NULL) u
         WHERE branch_is_within(u.branch, :patterns::jsonb)
         ORDER BY u.branch LIMIT :busy_branches)
        UNION ALL
        (SELECT n.branch, 1
         FROM next_one n
         WHERE n.branch IS NOT NULL AND branch_is_within(n.branch, :patterns::jsonb)
         LIMIT :busy_branches)) b
  GROUP BY b.branch
  ORDER BY min(b.place), b.branch
  LIMIT :busy_branches
), tight AS MATERIALIZED (
  SELECT b.id, coalesce(u.used >= u.budget, false) AS is_at_budget, b.machines > 0 AND u.machines_left <= 0 AS is_empty
  FROM busy y
  JOIN branch b ON b.id = y.branch,
  LATERAL (SELECT * FROM branch_use(b.id, b.machines) OFFSET 0) u
  WHERE u.used >= u.budget OR b.machines > 0 AND u.machines_left <= 0
), attention AS (
  SELECT 0 AS place, CASE WHEN f.until <= now() THEN f.until ELSE f.frozen_at END AS since, json_build_object(
           'kind', CASE WHEN f.until <= now() THEN 'freeze_overdue' ELSE 'frozen' END, 'rollout', NULL, 'name', NULL, 'count', NULL,
           'since', rfc3339(CASE WHEN f.until <= now() THEN f.until ELSE f.frozen_at END),
           'detail', freeze_words(f) || ', by ' || f.frozen_by || ': ' || f.reason) AS told
  FROM freeze_order f
  WHERE f.lifted_at IS NULL
    AND (:patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
  UNION ALL
  SELECT 1, t.last_at, json_build_object(
           'kind', CASE WHEN t.last_kind = :KIND_ABORTED THEN 'aborted' ELSE 'paused' END, 'rollout', t.id, 'name', (t.rollout).name,
           'count', NULL, 'since', rfc3339(t.last_at), 'detail', CASE WHEN t.is_whole THEN coalesce(t.last_reason, '') ELSE '' END)
  FROM told t WHERE t.state = :ROLLOUT_PAUSED
  UNION ALL
  SELECT 1, h.ended_at, json_build_object('kind', CASE WHEN h.is_aborted THEN 'aborted' ELSE 'halted' END, 'rollout', h.id,
                                          'name', h.name, 'count', NULL, 'since', rfc3339(h.ended_at),
                                          'detail', CASE WHEN h.is_whole THEN h.detail ELSE '' END)
  FROM halted h
  UNION ALL
  SELECT 1, g.paused_at, json_build_object(
           'kind', 'group_paused', 'rollout', t.id, 'name', (t.rollout).name, 'count', NULL, 'since', rfc3339(g.paused_at),
           'detail', g.name || CASE WHEN t.is_whole THEN ', by ' || g.paused_by || ': ' || g.paused_reason ELSE '' END)
  FROM told t JOIN rollout_group g ON g.rollout_id = t.id
  WHERE g.paused_at IS NOT NULL AND t.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED)
  UNION ALL
  SELECT 2, v.due_at, json_build_object(
           'kind', 'review_overdue', 'rollout', v.rollout_id, 'name', (SELECT r.name FROM rollout r WHERE r.id = v.rollout_id),
           'count', NULL, 'since', rfc3339(v.due_at), 'detail', v.reason)
  FROM review v WHERE v.ended_at IS NULL AND v.due_at <= now() AND :sees_reviews
  UNION ALL
  SELECT 3, NULL, json_build_object('kind', 'without_machine', 'rollout', NULL, 'name', NULL, 'count', count(*), 'since', NULL,
                                    'detail', string_agg(x.id, ', ' ORDER BY x.id))
  FROM (SELECT t.id FROM tight t WHERE t.is_empty ORDER BY t.id LIMIT 10) x
  HAVING count(*) > 0
  UNION ALL
  SELECT 4, NULL, json_build_object('kind', 'failures', 'rollout', t.id, 'name', (t.rollout).name,
                                    'count', t.failed + t.timed_out + t.rejected, 'since', NULL, 'detail', '')
  FROM told t WHERE t.failed + t.timed_out + t.rejected > 0
  UNION ALL
  SELECT 4, NULL, json_build_object('kind', 'failing_now', 'rollout', t.id, 'name', (t.rollout).name, 'count', t.failing,
                                    'since', NULL, 'detail', t.codes)
  FROM told t WHERE t.failing > 0
  UNION ALL
  SELECT 5, t.forecast_end_at, json_build_object(
           'kind', 'ends_late', 'rollout', t.id, 'name', (t.rollout).name, 'count', NULL, 'since', NULL,
           'detail', 'expected end ' || rfc3339(t.forecast_end_at) || ', end of the plan ' || rfc3339((t.rollout).ends_at))
  FROM told t
  WHERE t.forecast_end_at > (t.rollout).ends_at
    AND EXISTS (SELECT FROM alarm a WHERE a.kind = :ALARM_ENDS_LATE AND a.object = t.id) -- from the same margin on
), windows AS (
  -- The windows that are open now or open within a day, each zone and minute once.
  SELECT z.zone, min(w.opens_at) AS opens_at, max(w.closes_at) AS closes_at, json_agg(o.id ORDER BY o.id) AS rollouts
  FROM open_rollout o
  JOIN rollout_zone z ON z.rollout_id = o.id
  JOIN rollout_window w ON w.rollout_id = o.id AND w.zone_no = z.zone_no
  WHERE w.closes_at > now() AND w.opens_at < now() + interval '1 day'
    AND o.state IN (:ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED)
    AND (o.is_whole OR (o.id, w.zone_no) IN (SELECT m.rollout_id, m.zone_no FROM inside m))
  GROUP BY z.zone, date_trunc('minute', w.opens_at), date_trunc('minute', w.closes_at)
  ORDER BY min(w.opens_at), z.zone
  LIMIT :most
)
SELECT json_build_object(
  'at', rfc3339(now()),
  'attention', (SELECT coalesce(json_agg(a.told ORDER BY a.place, a.since), '[]') FROM attention a),
  'rollouts', (SELECT coalesce(json_agg(json_build_object(
                   'rollout', t.id, 'name', (t.rollout).name, 'state', t.state, 'author', (t.rollout).author,
                   'devices', t.devices,
                   'completed', t.completed, 'in_flight', t.in_flight, 'failed', t.failed, 'timed_out', t.timed_out, 'ended', t.ended,
                   'oldest_due_at', rfc3339(t.oldest_due_at), 'forecast_end_at', rfc3339(t.forecast_end_at),
                   'worst_end_at', rfc3339(t.worst_end_at),
                   'ends_at', rfc3339((t.rollout).ends_at)) ORDER BY t.id DESC), '[]') FROM told t),
  'branches', json_build_object(
    'at_budget', (SELECT count(*) FROM tight t WHERE t.is_at_budget), 'without_machine', (SELECT count(*) FROM tight t WHERE t.is_empty),
    'more', (SELECT count(*) = :busy_branches FROM busy)),
  'windows', (SELECT coalesce(json_agg(json_build_object(
                  'zone', w.zone, 'opens_at', rfc3339(w.opens_at), 'closes_at', rfc3339(w.closes_at),
                  'local_opens', to_char(w.opens_at AT TIME ZONE w.zone, 'Dy HH24":"MI'),
                  'local_closes', to_char(w.closes_at AT TIME ZONE w.zone, 'Dy HH24":"MI'),
                  'local_now', to_char(now() AT TIME ZONE w.zone, 'Dy HH24":"MI'),
                  'is_open', w.opens_at <= now(), 'rollouts', w.rollouts) ORDER BY w.opens_at, w.zone), '[]') FROM windows w),
  'oldest_due_at', (SELECT rfc3339(min(t.oldest_due_at)) FROM told t),
  'reviews', CASE WHEN :sees_reviews THEN (SELECT json_build_object('pending', count(*), 'overdue', count(*) FILTER (WHERE v.due_at <= now()))
                                           FROM review v WHERE v.ended_at IS NULL) END)::text AS document
