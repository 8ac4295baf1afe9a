-- Reads the instructions that have not ended, or about which the conductor decides, or that an exclusion ended while their rollout
-- goes on, of the devices :devices and of those of the branches :branches: as struct why_instruction needs them, by branch or
-- device, and then in the order of claims.
-- For an explanation of :rollout (0: of the places) only what it depends on: its instructions :line, all of the branches whose nodes
-- are among them, since a node starts last, and those of running rollouts of higher priority. `is_shown`: the device is in
-- :patterns (null: all are). `is_frozen`: a freeze keeps it from starting; without it `frozen_by` is of a freeze that keeps its group
-- from opening.
-- parameters: branches text[], devices text[], rollout bigint, line bigint[], patterns text, most bigint
-- row: place text, id bigint, rollout bigint, device text, is_node boolean, is_shown boolean, is_collect boolean, state smallint, substate smallint,
--   attempt integer, deferrals smallint, progress smallint null, was_deferred boolean, code text, group_no smallint,
--   group_name text, group_state text, soaks_until_ms bigint, soaks_until_text text null, waits_for_name text null, waits_for_state text null,
--   waits_until_ms bigint, waits_until_text text null, is_due boolean, due_ms bigint, due_text text null, due_us bigint, window_is_open boolean, window_opens_ms bigint, window_opens_text text null,
--   group_paused_by text null, group_paused_reason text null, group_paused_ms bigint, group_paused_text text null,
--   excluded_by text null, excluded_reason text null, is_skipped boolean, excluded_ms bigint, excluded_text text null,
--   since_ms bigint, since_text text null, deadline_ms bigint, deadline_text text null, is_frozen boolean, frozen_by text null,
--   frozen_ms bigint, frozen_text text null, frozen_until_ms bigint, frozen_until_text text null,
--   device_offline_ms bigint, device_offline_text text null, node_offline_ms bigint, node_offline_text text null,
--   device_held_ms bigint, device_held_text text null, device_held_reason text null
WITH higher AS MATERIALIZED (
  SELECT o.id FROM rollout o
  WHERE o.state = :ROLLOUT_RUNNING AND o.priority > (SELECT f.priority FROM rollout f WHERE f.id = :rollout)
), named AS MATERIALIZED (
  SELECT d.id AS device, d.branch
  FROM device d
  WHERE d.branch = ANY (CASE WHEN :rollout::bigint = 0 OR EXISTS (SELECT FROM higher) THEN :branches
                          ELSE ARRAY(SELECT n.device FROM instruction n WHERE n.id = ANY (:line) AND n.device = n.branch) END)
  UNION
  SELECT d.id, d.branch FROM device d WHERE d.id = ANY (:devices)
  UNION
  SELECT n.device, d.branch
  FROM instruction n, LATERAL (SELECT d.branch FROM device d WHERE d.id = n.device OFFSET 0) d
  WHERE n.id = ANY (:line)
), own AS MATERIALIZED (
  SELECT n.device, n.branch, l.labels,
         :patterns::jsonb IS NULL OR l.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) AS is_shown
  FROM named n,
  LATERAL (SELECT s.labels FROM device_search s WHERE s.device = n.device OFFSET 0) l
)
SELECT coalesce(i.branch, o.branch, i.device) AS place, i.id, i.rollout_id AS rollout, i.device,
       coalesce(i.device = coalesce(i.branch, o.branch), false) AS is_node, o.is_shown, r.door = :COLLECT_ENDPOINT AS is_collect, i.state, i.substate, i.attempt, i.deferrals, i.progress,
       coalesce(e.state = :CREATED, false) AS was_deferred, coalesce(e.code, i.code, '') AS code,
       i.group_no, g.name AS group_name, g.state AS group_state, epoch_ms(t.soaks_until) AS soaks_until_ms,
       time_told(t.soaks_until, k.zone) AS soaks_until_text,
       w.name AS waits_for_name, w.state AS waits_for_state,
       epoch_ms(t.waits_until) AS waits_until_ms, time_told(t.waits_until, k.zone) AS waits_until_text,
       i.due_at <= now() IS TRUE AS is_due, epoch_ms(i.due_at) AS due_ms, time_told(i.due_at, k.zone) AS due_text,
       CASE WHEN isfinite(i.due_at) THEN (extract(epoch FROM i.due_at) * 1000000)::bigint ELSE 0 END AS due_us,
       coalesce(z.closes_at >= now() + r.install_s * interval '1 s', false) AS window_is_open,
       epoch_ms(t.window_opens) AS window_opens_ms, time_told(t.window_opens, k.zone) AS window_opens_text,
       g.paused_by AS group_paused_by, CASE WHEN :patterns::jsonb IS NULL THEN g.paused_reason ELSE '' END AS group_paused_reason,
       epoch_ms(g.paused_at) AS group_paused_ms, time_told(g.paused_at, k.zone) AS group_paused_text,
       y.excluded_by, y.reason AS excluded_reason, coalesce(y.device IS NOT NULL, false) AS is_skipped,
       epoch_ms(y.excluded_at) AS excluded_ms, time_told(y.excluded_at, k.zone) AS excluded_text,
       epoch_ms(t.since) AS since_ms, time_told(t.since, k.zone) AS since_text,
       epoch_ms(i.wake_at) AS deadline_ms, time_told(i.wake_at, k.zone) AS deadline_text,
       coalesce(q.is_own, false) AS is_frozen, q.frozen_by, epoch_ms(q.frozen_at) AS frozen_ms,
       time_told(q.frozen_at, k.zone) AS frozen_text, epoch_ms(q.until) AS frozen_until_ms,
       time_told(q.until, k.zone) AS frozen_until_text,
       epoch_ms(h.device_offline) AS device_offline_ms, time_told(h.device_offline, k.zone) AS device_offline_text,
       epoch_ms(p.node_offline) AS node_offline_ms, time_told(p.node_offline, k.zone) AS node_offline_text,
       epoch_ms(h.held_until) AS device_held_ms, time_told(h.held_until, k.zone) AS device_held_text, h.held_reason AS device_held_reason
FROM own o
JOIN LATERAL (
  SELECT n.* FROM instruction n
  WHERE n.device = o.device
    AND (:rollout::bigint = 0 OR n.rollout_id = :rollout OR n.rollout_id = ANY (ARRAY(SELECT h.id FROM higher h)))
    AND (n.state < :FIRST_END OR n.substate = :UNDECIDED
         OR n.state = :CANCELLED AND EXISTS (SELECT FROM rollout e WHERE e.id = n.rollout_id AND e.exclusions > 0 AND e.ended_at IS NULL)
            AND exclusion_of(n.rollout_id, n.device) IS NOT NULL)
  OFFSET 0
) i ON true
CROSS JOIN LATERAL ( -- the plan, which is long, is read once a rollout
  SELECT o.id, o.priority, o.rollback_of, o.door, o.exclusions,
         plan_number(o.plan #> '{spec,execution,installTimeout}', NULL) AS install_s
  FROM rollout o
  WHERE o.id = i.rollout_id
  OFFSET 0
) r
LEFT JOIN LATERAL (
  SELECT e.* FROM exclusion e WHERE e.id = exclusion_of(i.rollout_id, i.device) OFFSET 0
) y ON r.exclusions > 0
JOIN rollout_zone k ON k.rollout_id = i.rollout_id AND k.zone_no = i.zone_no
CROSS JOIN LATERAL (
  SELECT h.* FROM rollout_group h WHERE h.rollout_id = i.rollout_id AND h.group_no = i.group_no
  OFFSET 0
) g
LEFT JOIN LATERAL (
  SELECT f.* FROM rollout_group f
  WHERE f.rollout_id = i.rollout_id AND f.group_no < i.group_no AND f.state <> :GROUP_PASSED
  ORDER BY f.group_no LIMIT 1
) w ON g.state = :GROUP_WAITING
LEFT JOIN LATERAL (
  SELECT n.closes_at
  FROM rollout_window n
  WHERE n.rollout_id = i.rollout_id AND n.zone_no = i.zone_no AND n.opens_at <= now()
  ORDER BY n.opens_at DESC LIMIT 1
) z ON true
LEFT JOIN LATERAL (
  SELECT v.state, v.code FROM instruction_event v
  WHERE v.instruction_id = i.id AND i.attempt > 1
    AND v.code NOT IN (:CODE_RETRY, :CODE_PREEMPTED, :CODE_VERSION_BLOCKED, :CODE_FROZEN, :CODE_END_AMENDED) -- those begin an attempt
  ORDER BY v.at DESC, v.attempt DESC LIMIT 1
) e ON true
LEFT JOIN LATERAL (
  SELECT o.labels @> ANY (f.patterns) AS is_own, f.frozen_by, f.frozen_at, CASE WHEN f.until > now() THEN f.until END AS until
  FROM freeze_order f
  WHERE f.lifted_at IS NULL AND i.state = :CREATED AND r.door <> :COLLECT_ENDPOINT AND NOT (f.except_rollback AND r.rollback_of IS NOT NULL)
    AND (o.labels @> ANY (f.patterns)
         OR g.state = :GROUP_WAITING
            AND EXISTS (SELECT FROM frozen_rollout u
                        WHERE u.rollout_id = i.rollout_id AND u.freeze_id = f.id AND i.group_no = ANY (u.groups)))
  ORDER BY is_own DESC, f.until DESC, f.id LIMIT 1
) q ON true
LEFT JOIN LATERAL (
  SELECT n.opens_at
  FROM rollout_window n
  WHERE n.rollout_id = i.rollout_id AND n.zone_no = i.zone_no AND n.opens_at > now()
    AND n.closes_at >= n.opens_at + r.install_s * interval '1 s'
  ORDER BY n.opens_at LIMIT 1
) x ON true
CROSS JOIN LATERAL ( -- computed once a row
  SELECT g.settled_at + g.soak_s * interval '1 s' AS soaks_until,
         coalesce(w.settled_at, w.reached_at) + w.soak_s * interval '1 s' AS waits_until,
         x.opens_at AS window_opens,
         CASE i.state WHEN :DISPATCHED THEN i.dispatched_at WHEN :SENT THEN i.sent_at WHEN :RECEIVED THEN i.received_at
           WHEN :INSTALLING THEN i.installing_at ELSE coalesce(i.ended_at, i.wake_at) END AS since
  OFFSET 0
) t
LEFT JOIN LATERAL (
  SELECT CASE WHEN d.generation = (SELECT presence_generation()) AND d.state = :PRESENCE_OFFLINE THEN d.since END AS device_offline,
         CASE WHEN d.held_until > now() THEN d.held_until END AS held_until,
         CASE WHEN d.held_until > now() THEN d.held_reason END AS held_reason
  FROM presence d WHERE d.device = i.device
  OFFSET 0
) h ON true
LEFT JOIN LATERAL (
  SELECT n.since AS node_offline
  FROM presence n
  WHERE n.device = coalesce(i.branch, o.branch) AND n.generation = (SELECT presence_generation()) AND n.state = :PRESENCE_OFFLINE
  OFFSET 0
) p ON true
ORDER BY place, r.priority DESC, r.id, i.group_no, i.due_at, i.id
LIMIT :most
