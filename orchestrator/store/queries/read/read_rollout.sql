-- Reads rollout :rollout in full, with its last fifty events.
-- parameters: rollout bigint
-- row: document.*
-- alone
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'version', r.version, 'priority', r.priority,
  'detail', r.detail, 'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at), 'ended_at', rfc3339(r.ended_at),
  'devices', r.devices, 'counts', state_counts(r.id, NULL), 'substates', substate_counts(r.id, NULL), 'retrying', retrying_counts(r.id, NULL),
  'given_up', given_up_counts(r.id, NULL),
  'unavailable', unavailable_of(r.id), 'awaiting_return', awaiting_return(r.id),
  'approvals', approvals_of(r), 'resume', resume_of(r), 'freezes', freezes_of_rollout(r, NULL), 'exclusions', exclusions_of_rollout(r, NULL),
  'in_force', values_in_force(r), 'amendments', amendments_awaiting(r.id),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'paused', group_pause(g), 'success', g.success, 'soak_s', g.soak_s,
                 'manual', g.manual, 'opens', coalesce(r.plan #>> ARRAY['spec', 'groups', (g.group_no - 1)::text, 'opens'],
                                                       'settled'),
                 'awaits_approval', g.manual AND r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED)
                                    AND (g.state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g)),
                 'decided', EXISTS (SELECT FROM approval a
                                    WHERE a.rollout_id = r.id AND a.group_no = g.group_no AND a.digest = r.digest),
                 'devices', g.devices, 'opened_at', rfc3339(g.opened_at), 'reached_at', rfc3339(g.reached_at),
                 'settled_at', rfc3339(g.settled_at), 'ended_at', rfc3339(g.ended_at),
                 'promoted_past', group_promoted_past(r.id, g.group_no),
                 'promoted_failures', group_promoted_failures(r.id, g.group_no, NULL),
                 'counts', state_counts(r.id, g.group_no), 'substates', substate_counts(r.id, g.group_no),
                 'retrying', retrying_counts(r.id, g.group_no),
                 'given_up', given_up_counts(r.id, g.group_no)) ORDER BY g.group_no), '[]')
             FROM rollout_group g WHERE g.rollout_id = r.id),
  'first_start_at', rfc3339(t.first_start_at), 'last_completed_at', rfc3339(t.last_completed_at),
  'at', rfc3339(now()),
  'forecast_end_at', rfc3339((SELECT f.end_at FROM rollout_forecast f WHERE f.rollout_id = r.id AND r.state = :ROLLOUT_RUNNING)),
  'rollback_of', r.rollback_of, 'rollback', (SELECT b.id FROM rollout b WHERE b.rollback_of = r.id
               ORDER BY b.id DESC LIMIT 1),
  'events', (SELECT coalesce(json_agg(json_build_object(
                 'at', rfc3339(e.at), 'kind', e.kind, 'actor', e.actor, 'reason', e.reason, 'version', e.version,
                 'digest', e.digest, 'group', g.name, 'amendment', e.amendment) ORDER BY e.id), '[]')
             FROM (SELECT * FROM rollout_event WHERE rollout_id = r.id ORDER BY id DESC LIMIT 50) e
             LEFT JOIN rollout_group g ON g.rollout_id = e.rollout_id AND g.group_no = e.group_no),
  'plan', approved_plan(r))::text AS document
FROM rollout r, times_of_rollout(r) t
WHERE r.id = :rollout
