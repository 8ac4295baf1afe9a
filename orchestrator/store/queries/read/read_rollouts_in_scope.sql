-- Reads a page of rollouts as read_rollouts does, for a reader who sees the devices in :patterns alone: those with such
-- devices, with the counts of these; and those that have none yet, if their authors had to keep to :patterns. `detail`, which
-- may name others, is empty unless all devices are inside.
-- parameters: after bigint, most bigint, name text, id bigint, patterns text
-- row: document.*
-- alone
WITH mine AS MATERIALIZED (
  SELECT w.device AS id FROM devices_within(:patterns::jsonb) w
), inside AS MATERIALIZED (
  SELECT count(*) AS devices FROM mine
), page AS MATERIALIZED (
  SELECT r.*, first_instruction_of(r) AS first_id, last_instruction_of(r) AS last_id
  FROM rollout r
  WHERE (:after::bigint = 0 OR r.id < :after::bigint)
    AND CASE WHEN :name::text IS NULL THEN r.door <> :COLLECT_ENDPOINT ELSE r.id IN (SELECT id FROM rollout WHERE name = :name UNION SELECT :id::bigint) END
    AND CASE WHEN r.planned_at IS NULL THEN patterns_cover(:patterns::jsonb, r.author_scope::jsonb)
          WHEN rollout_begins_within(r, :patterns::jsonb) THEN true
          WHEN (SELECT d.devices FROM inside d) < r.devices / 4 -- fewer to look up
            THEN EXISTS (SELECT FROM mine m,
                         LATERAL (SELECT FROM instruction i WHERE i.device = m.id AND i.rollout_id = r.id OFFSET 0) i)
          ELSE EXISTS (SELECT FROM instruction i
                       WHERE i.rollout_id = r.id AND i.id BETWEEN first_instruction_of(r) AND last_instruction_of(r)
                         AND (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search s WHERE s.device = i.device)) END
  ORDER BY r.id DESC LIMIT :most
), counted AS MATERIALIZED (
  SELECT i.rollout_id, i.state, count(*) AS devices,
         count(*) FILTER (WHERE i.substate = :DEFERRED) AS deferred,
         count(*) FILTER (WHERE i.substate = :WITHDRAWING) AS withdrawing,
         count(*) FILTER (WHERE i.substate = :UNDECIDED) AS undecided,
         count(*) FILTER (WHERE i.state < :COMPLETED AND f.state = :FAILED AND NOT f.ordered) AS failed_retrying,
         count(*) FILTER (WHERE i.state < :COMPLETED AND f.state = :TIMED_OUT AND NOT f.ordered) AS timed_out_retrying,
         count(*) FILTER (WHERE i.state > :TIMED_OUT AND f.state = :FAILED) AS failed_given_up,
         count(*) FILTER (WHERE i.state > :TIMED_OUT AND f.state = :TIMED_OUT) AS timed_out_given_up
  FROM (
    SELECT n.id, n.rollout_id, n.state, n.substate
    FROM page p, mine m, LATERAL (SELECT * FROM instruction n WHERE n.device = m.id AND n.rollout_id = p.id OFFSET 0) n
    WHERE (SELECT d.devices FROM inside d) < p.devices / 4
    UNION ALL
    SELECT n.id, n.rollout_id, n.state, n.substate
    FROM page p
    CROSS JOIN LATERAL (SELECT * FROM instruction n WHERE n.rollout_id = p.id AND n.id BETWEEN p.first_id AND p.last_id OFFSET 0) n
    WHERE (SELECT d.devices FROM inside d) >= p.devices / 4
      AND (SELECT s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))) FROM device_search s WHERE s.device = n.device)
  ) i
  LEFT JOIN failing f ON f.instruction_id = i.id
  GROUP BY i.rollout_id, i.state
)
SELECT json_build_object(
  'scope', :patterns::json,
  'rollouts', coalesce(json_agg(json_build_object(
      'rollout', p.id, 'name', p.name, 'state', p.state, 'version', p.version, 'priority', p.priority,
      'detail', CASE WHEN p.planned_at IS NULL OR t.devices = p.devices THEN p.detail ELSE '' END,
      'author', p.author, 'door', p.door,
      'submitted_at', rfc3339(p.submitted_at), 'ended_at', rfc3339(p.ended_at),
      'devices', CASE WHEN p.planned_at IS NULL THEN p.devices ELSE t.devices END,
      'counts', (SELECT json_object_agg(s.name, coalesce(c.devices, 0) ORDER BY s.state)
                 FROM instruction_state s LEFT JOIN counted c ON c.rollout_id = p.id AND c.state = s.state),
      'substates', t.substates, 'retrying', t.retrying, 'given_up', t.given_up) ORDER BY p.id DESC), '[]'),
  'next', CASE WHEN count(*) = :most THEN min(p.id) END)::text AS document
FROM page p,
LATERAL (
  SELECT coalesce(sum(c.devices), 0)::bigint AS devices,
         json_build_object('deferred', coalesce(sum(c.deferred), 0)::bigint,
                           'withdrawing', coalesce(sum(c.withdrawing), 0)::bigint,
                           'undecided', coalesce(sum(c.undecided), 0)::bigint) AS substates,
         json_build_object('failed', coalesce(sum(c.failed_retrying), 0)::bigint,
                           'timed_out', coalesce(sum(c.timed_out_retrying), 0)::bigint) AS retrying,
         json_build_object('failed', coalesce(sum(c.failed_given_up), 0)::bigint,
                           'timed_out', coalesce(sum(c.timed_out_given_up), 0)::bigint) AS given_up
  FROM counted c
  WHERE c.rollout_id = p.id
) t
