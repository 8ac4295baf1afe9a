-- Reads rollout :rollout as read_rollout does, for a reader who sees the devices in :patterns alone: counts, examples and
-- times are those of these devices; the plan, which may name others, is null unless all are inside. `detail` and the
-- reasons of the orchestrator's own events, of returned devices, of freezes and of other rollouts, which may name others too, are then empty. No row: there is no such rollout,
-- none of its devices is inside, or it has none yet and its author did not have to keep to :patterns.
-- parameters: rollout bigint, patterns text
-- row: document.*
-- alone
WITH inside AS MATERIALIZED (
  SELECT w.device FROM devices_within(:patterns::jsonb) w
), shown AS MATERIALIZED (
  SELECT r.id, first_instruction_of(r) AS first_id, last_instruction_of(r) AS last_id,
         CASE WHEN rollout_is_within(r, :patterns::jsonb) THEN 3 -- the counters tell
           WHEN r.devices <= 20000 THEN 0 WHEN (SELECT count(*) FROM inside) < r.devices / 4 THEN 1 ELSE 2 END AS way
  FROM rollout r WHERE r.id = :rollout
), near AS MATERIALIZED (
  SELECT n.*
  FROM shown r,
  LATERAL (SELECT * FROM instruction n WHERE r.first_id > 0 AND n.id BETWEEN r.first_id AND r.last_id
           UNION ALL
           SELECT * FROM instruction n WHERE r.first_id = 0 AND n.rollout_id = r.id) n
  WHERE r.way = 0 AND n.rollout_id = r.id
), near_inside AS MATERIALIZED (
  -- All at once: a look into the index for one device after the other costs several times as much.
  SELECT s.device FROM device_search s
  WHERE s.device = ANY (ARRAY(SELECT n.device FROM near n)) AND s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
), mine AS MATERIALIZED (
  SELECT i.id, i.device, i.group_no, i.state, i.substate, i.code, i.dispatched_at, i.ended_at
  FROM (
    -- The devices of a rollout are looked at one by one; of a large one those inside are looked for, or looked up in them.
    SELECT n.* FROM near n WHERE (n.device IN (SELECT w.device FROM near_inside w)) IS TRUE -- by a table of hashes
    UNION ALL
    SELECT n.*
    FROM shown r,
    LATERAL (
      SELECT n.*
      FROM inside w, LATERAL (SELECT * FROM instruction n WHERE n.device = w.device AND n.rollout_id = r.id OFFSET 0) n
      WHERE r.way = 1
      UNION ALL
      SELECT n.* FROM instruction n JOIN inside w ON w.device = n.device
      WHERE r.way = 2 AND n.rollout_id = r.id AND n.id BETWEEN r.first_id AND r.last_id
    ) n
  ) i
), counted AS MATERIALIZED (
  SELECT m.group_no, m.state, count(*) AS devices,
         count(*) FILTER (WHERE m.substate = :DEFERRED) AS deferred,
         count(*) FILTER (WHERE m.substate = :WITHDRAWING) AS withdrawing,
         count(*) FILTER (WHERE m.substate = :UNDECIDED) AS undecided,
         count(*) FILTER (WHERE m.state < :COMPLETED AND f.state = :FAILED AND NOT f.ordered) AS failed_retrying,
         count(*) FILTER (WHERE m.state < :COMPLETED AND f.state = :TIMED_OUT AND NOT f.ordered) AS timed_out_retrying,
         count(*) FILTER (WHERE m.state > :TIMED_OUT AND f.state = :FAILED) AS failed_given_up,
         count(*) FILTER (WHERE m.state > :TIMED_OUT AND f.state = :TIMED_OUT) AS timed_out_given_up
  FROM mine m
  LEFT JOIN failing f ON f.instruction_id = m.id
  GROUP BY m.group_no, m.state
), told AS MATERIALIZED (
  -- Of each group, and of all (null).
  SELECT g.group_no, g.devices, substate_counts(:rollout, g.group_no) AS substates, retrying_counts(:rollout, g.group_no) AS retrying,
         given_up_counts(:rollout, g.group_no) AS given_up, state_counts(:rollout, g.group_no) AS counts
  FROM (SELECT NULL::smallint AS group_no, r.devices::bigint FROM rollout r WHERE r.id = :rollout
        UNION ALL
        SELECT o.group_no, o.devices FROM rollout_group o WHERE o.rollout_id = :rollout) g
  WHERE (SELECT s.way FROM shown s) = 3
  UNION ALL
  SELECT g.group_no, coalesce(sum(c.devices), 0)::bigint AS devices,
         json_build_object('deferred', coalesce(sum(c.deferred), 0)::bigint,
                           'withdrawing', coalesce(sum(c.withdrawing), 0)::bigint,
                           'undecided', coalesce(sum(c.undecided), 0)::bigint) AS substates,
         json_build_object('failed', coalesce(sum(c.failed_retrying), 0)::bigint,
                           'timed_out', coalesce(sum(c.timed_out_retrying), 0)::bigint) AS retrying,
         json_build_object('failed', coalesce(sum(c.failed_given_up), 0)::bigint,
                           'timed_out', coalesce(sum(c.timed_out_given_up), 0)::bigint) AS given_up,
         (SELECT json_object_agg(s.name, (SELECT coalesce(sum(n.devices), 0)::bigint FROM counted n
                                          WHERE n.state = s.state AND (g.group_no IS NULL OR n.group_no = g.group_no))
                                 ORDER BY s.state)
          FROM instruction_state s) AS counts
  FROM (SELECT NULL::smallint AS group_no
        UNION ALL
        SELECT group_no FROM rollout_group WHERE rollout_id = :rollout) g
  LEFT JOIN counted c ON g.group_no IS NULL OR c.group_no = g.group_no
  WHERE (SELECT s.way FROM shown s) <> 3
  GROUP BY g.group_no
), out_of_service AS MATERIALIZED (
  SELECT u.device, u.branch, u.code, u.since
  FROM unavailable u
  JOIN device d ON d.id = u.device
  LEFT JOIN branch b ON b.id = d.branch
  WHERE u.rollout_id = :rollout AND labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
), waiting AS MATERIALIZED (
  -- A branch is in the scope by its own labels.
  SELECT w.branch, w.waiting,
         ARRAY(SELECT o.device FROM unnest(w.machines) AS n(id) JOIN unavailable o ON o.device = n.id
               JOIN device d ON d.id = o.device LEFT JOIN branch b ON b.id = d.branch
               WHERE labels_in_force(b.labels, d.labels, d.model, d.role, d.branch) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) ORDER BY o.device) AS machines
  FROM branches_waiting(:rollout) w
  JOIN branch h ON h.id = w.branch
  WHERE labels_in_force(h.labels, '{}', '', NULL, h.id) @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
)
SELECT json_build_object(
  'scope', :patterns::json,
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'version', r.version, 'priority', r.priority,
  'detail', CASE WHEN s.is_whole THEN r.detail ELSE '' END,
  'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at), 'ended_at', rfc3339(r.ended_at),
  'in_force', values_in_force(r), 'amendments', CASE WHEN s.is_whole THEN amendments_awaiting(r.id) ELSE '[]' END,
  'devices', CASE WHEN r.planned_at IS NULL THEN r.devices ELSE a.devices END,
  'counts', a.counts, 'substates', a.substates, 'retrying', a.retrying, 'given_up', a.given_up,
  'unavailable', (SELECT json_build_object(
                    'devices', (SELECT count(*) FROM out_of_service),
                    'examples', (SELECT coalesce(json_agg(json_build_object('device', u.device, 'branch', u.branch,
                                                                            'code', u.code, 'since', rfc3339(u.since))
                                                          ORDER BY u.device), '[]')
                                 FROM (SELECT * FROM out_of_service ORDER BY device LIMIT 100) u))),
  'awaiting_return', (SELECT json_build_object(
                        'branches', (SELECT count(*) FROM waiting),
                        'devices', (SELECT coalesce(sum(waiting), 0)::bigint FROM waiting),
                        'examples', (SELECT coalesce(json_agg(json_build_object('branch', w.branch, 'devices', w.waiting,
                                                                                'unavailable', w.machines)
                                                              ORDER BY w.branch), '[]')
                                     FROM (SELECT * FROM waiting ORDER BY branch LIMIT 100) w))),
  'approvals', approvals_of(r), 'resume', resume_of(r), 'freezes', freezes_of_rollout(r, :patterns::jsonb), 'exclusions', exclusions_of_rollout(r, :patterns::jsonb),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'paused', group_pause(g), 'success', g.success, 'soak_s', g.soak_s,
                 'manual', g.manual, 'opens', coalesce(r.plan #>> ARRAY['spec', 'groups', (g.group_no - 1)::text, 'opens'],
                                                       'settled'),
                 'awaits_approval', g.manual AND r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED)
                                    AND (g.state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g)),
                 'decided', EXISTS (SELECT FROM approval v
                                    WHERE v.rollout_id = r.id AND v.group_no = g.group_no AND v.digest = r.digest),
                 'devices', t.devices, 'opened_at', rfc3339(g.opened_at), 'reached_at', rfc3339(g.reached_at),
                 'settled_at', rfc3339(g.settled_at), 'ended_at', rfc3339(g.ended_at),
                 'promoted_past', (SELECT json_agg(json_build_object('device', m.device, 'at', rfc3339(p.at), 'state', st.name,
                                                                     'substate', sb.name, 'code', coalesce(m.code, ''))
                                                   ORDER BY m.device)
                                   FROM promoted_past p
                                   JOIN LATERAL (SELECT m.device, m.state, m.substate, m.code FROM mine m WHERE m.id = p.instruction_id
                                                 UNION ALL
                                                 SELECT i.device, i.state, i.substate, i.code FROM instruction i
                                                 WHERE i.id = p.instruction_id AND (SELECT s.way FROM shown s) = 3) m ON true
                                   JOIN instruction_state st ON st.state = m.state
                                   LEFT JOIN instruction_substate sb ON sb.state = m.state AND sb.substate = m.substate
                                   WHERE p.rollout_id = r.id AND p.group_no = g.group_no),
                 'promoted_failures', group_promoted_failures(r.id, g.group_no, ARRAY(SELECT m.id FROM mine m)),
                 'counts', t.counts, 'substates', t.substates, 'retrying', t.retrying,
                 'given_up', t.given_up) ORDER BY g.group_no), '[]')
             FROM rollout_group g JOIN told t ON t.group_no = g.group_no WHERE g.rollout_id = r.id),
  'first_start_at', rfc3339(t.first_start_at), 'last_completed_at', rfc3339(t.last_completed_at),
  'at', rfc3339(now()),
  'forecast_end_at', rfc3339((SELECT f.end_at FROM rollout_forecast f WHERE f.rollout_id = r.id AND r.state = :ROLLOUT_RUNNING)),
  'rollback_of', r.rollback_of, 'rollback', (SELECT b.id FROM rollout b WHERE b.rollback_of = r.id
               ORDER BY b.id DESC LIMIT 1),
  'events', (SELECT coalesce(json_agg(json_build_object(
                 'at', rfc3339(e.at), 'kind', e.kind, 'actor', e.actor,
                 'reason', CASE WHEN s.is_whole OR e.actor <> :ACTOR_TELLERCAST
                                               AND e.kind NOT IN (:KIND_DEVICE_RETURNED, :KIND_SUPERSEDED, :KIND_FROZEN,
                                                                           :KIND_FREEZE_LIFTED)
                                THEN e.reason ELSE '' END,
                 'version', e.version, 'digest', e.digest, 'group', g.name, 'amendment', e.amendment) ORDER BY e.id), '[]')
             FROM (SELECT * FROM rollout_event WHERE rollout_id = r.id ORDER BY id DESC LIMIT 50) e
             LEFT JOIN rollout_group g ON g.rollout_id = e.rollout_id AND g.group_no = e.group_no),
  'plan', CASE WHEN s.is_whole THEN approved_plan(r) END)::text AS document
FROM rollout r
JOIN told a ON a.group_no IS NULL,
LATERAL (SELECT CASE WHEN r.planned_at IS NULL THEN true ELSE a.devices = r.devices END AS is_whole) s,
LATERAL (
  -- Only of an ended rollout: of an active one each request would read all its rows.
  SELECT min(m.first_start_at) AS first_start_at, max(m.last_completed_at) AS last_completed_at
  FROM (SELECT m.dispatched_at AS first_start_at, CASE WHEN m.state = :COMPLETED THEN m.ended_at END AS last_completed_at
        FROM mine m
        WHERE r.ended_at IS NOT NULL
        UNION ALL
        SELECT o.first_start_at, o.last_completed_at FROM shown w, times_of_rollout(r) o WHERE w.way = 3) m
) t
WHERE r.id = :rollout
  AND CASE WHEN r.planned_at IS NULL THEN patterns_cover(:patterns::jsonb, r.author_scope::jsonb) ELSE a.devices > 0 END
