-- Reads everything about rollout :rollout as a whole: who ordered it, who approved which plan and when, and all its
-- events.
-- parameters: rollout bigint
-- row: document.*
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'digest', r.digest, 'state', r.state, 'version', r.version, 'detail', r.detail,
  'priority', r.priority, 'author', r.author, 'door', r.door, 'change', r.plan #>> '{metadata,change}',
  'description', r.plan #>> '{metadata,description}',
  'submitted_at', rfc3339(r.submitted_at), 'planned_at', rfc3339(r.planned_at),
  'started_at', (SELECT rfc3339(min(e.at)) FROM rollout_event e WHERE e.rollout_id = r.id AND e.kind = :KIND_STARTED),
  'ended_at', rfc3339(r.ended_at), 'reported_at', rfc3339(now()),
  'first_start_at', rfc3339(t.first_start_at), 'last_end_at', rfc3339(t.last_end_at),
  'devices', r.devices, 'counts', state_counts(r.id, NULL), 'substates', substate_counts(r.id, NULL), 'retrying', retrying_counts(r.id, NULL),
  'given_up', given_up_counts(r.id, NULL),
  'unavailable', unavailable_of(r.id), 'awaiting_return', awaiting_return(r.id),
  'approvals', approvals_of(r),
  'events', (SELECT coalesce(json_agg(json_build_object(
                 'at', rfc3339(e.at), 'kind', e.kind, 'actor', e.actor, 'reason', e.reason, 'version', e.version,
                 'digest', e.digest, 'group', g.name, 'amendment', e.amendment) ORDER BY e.id), '[]')
             FROM rollout_event e
             LEFT JOIN rollout_group g ON g.rollout_id = e.rollout_id AND g.group_no = e.group_no
             WHERE e.rollout_id = r.id),
  'groups', (SELECT coalesce(json_agg(json_build_object(
                 'group', g.group_no, 'name', g.name, 'state', g.state, 'success', g.success, 'soak_s', g.soak_s,
                 'manual', g.manual, 'devices', g.devices, 'opened_at', rfc3339(g.opened_at),
                 'reached_at', rfc3339(g.reached_at), 'promoted_past', group_promoted_past(r.id, g.group_no),
                 'promoted_failures', group_promoted_failures(r.id, g.group_no, NULL),
                 'settled_at', rfc3339(g.settled_at), 'ended_at', rfc3339(g.ended_at),
                 'counts', state_counts(r.id, g.group_no), 'substates', substate_counts(r.id, g.group_no),
                 'retrying', retrying_counts(r.id, g.group_no),
                 'given_up', given_up_counts(r.id, g.group_no)) ORDER BY g.group_no), '[]')
             FROM rollout_group g WHERE g.rollout_id = r.id),
  'rollback_of', (SELECT json_build_object('rollout', o.id, 'name', o.name) FROM rollout o WHERE o.id = r.rollback_of),
  'rollback', (SELECT json_build_object('rollout', b.id, 'name', b.name) FROM rollout b WHERE b.rollback_of = r.id
               ORDER BY b.id DESC LIMIT 1),
  'calendars', r.calendars, 'in_force', values_in_force(r), 'amendments', amendments_told(r.id), 'plan', approved_plan(r))::text AS document
FROM rollout r,
LATERAL (
  SELECT min(i.dispatched_at) AS first_start_at, max(i.ended_at) FILTER (WHERE i.dispatched_at IS NOT NULL) AS last_end_at
  FROM instruction i
  WHERE i.rollout_id = r.id
) t
WHERE r.id = :rollout
