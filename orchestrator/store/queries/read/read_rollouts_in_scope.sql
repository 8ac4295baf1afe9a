-- Reads a page of rollouts as read_rollouts does, for a reader who sees the devices in :patterns alone: those with such
-- devices, with the counts of these; and those that have none yet, if their authors had to keep to :patterns. `detail`, which
-- may name others, is empty unless all devices are inside. Counts a part of rollouts of no more than :searched devices together, or of
-- one, so that a page can be short.
-- parameters: after bigint, most bigint, name text, id bigint, patterns text, searched bigint
-- row: document.*
-- alone
WITH one_label AS MATERIALIZED (
  -- Of patterns of one label the counts of a rollout's labels tell all: here without a call of rollout_labels_tell() a rollout.
  SELECT count(DISTINCT k.key) = 1 AND count(*) = jsonb_array_length(:patterns::jsonb) AND NOT EXISTS (SELECT FROM relabelled) AS is_one
  FROM jsonb_array_elements(:patterns::jsonb) p, jsonb_object_keys(p.value) k(key)
), named AS MATERIALIZED (
  SELECT r AS rollout, r.id, r.devices, r.planned_at
  FROM rollout r
  WHERE (:after::bigint = 0 OR r.id < :after::bigint)
    AND CASE WHEN :name::text IS NULL THEN r.door <> :COLLECT_ENDPOINT ELSE r.id IN (SELECT id FROM rollout WHERE name = :name UNION SELECT :id::bigint) END
), shown AS MATERIALIZED (
  -- In this order, so that those after the last of a page are not looked at.
  SELECT r.rollout, r.devices,
         r.planned_at IS NULL
         OR CASE WHEN c.inside IS NULL THEN rollout_is_within(r.rollout, :patterns::jsonb)
              ELSE c.inside = r.devices OR patterns_cover(:patterns::jsonb, (r.rollout).author_scope::jsonb) END AS is_whole
  FROM (SELECT * FROM named n ORDER BY n.id DESC OFFSET 0) r,
  LATERAL (
    SELECT CASE WHEN (SELECT l.is_one FROM one_label l) AND r.devices > 0
                     AND EXISTS (SELECT FROM rollout_labelled d WHERE d.rollout_id = r.id AND d.planned_at = r.planned_at)
             THEN (SELECT coalesce(sum(m.devices), 0) FROM rollout_label m
                   WHERE m.rollout_id = r.id AND m.label = ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))) END AS inside
    OFFSET 0
  ) c
  WHERE CASE WHEN c.inside IS NULL THEN rollout_touches(r.rollout, :patterns::jsonb) ELSE c.inside > 0 END
  LIMIT :most
), sized AS MATERIALIZED (
  SELECT s.rollout, s.is_whole,
         CASE WHEN s.is_whole THEN 0 ELSE s.devices END AS searched,
         sum(CASE WHEN s.is_whole THEN 0 ELSE s.devices END) OVER (ORDER BY (s.rollout).id DESC) AS searched_so_far
  FROM shown s
), page AS MATERIALIZED (
  SELECT (z.rollout).*, first_instruction_of(z.rollout) AS first_id, last_instruction_of(z.rollout) AS last_id, z.is_whole
  FROM sized z
  WHERE z.searched_so_far <= :searched OR z.searched_so_far = z.searched
), inside AS MATERIALIZED (
  SELECT w.device FROM devices_within(:patterns::jsonb) w
), part AS MATERIALIZED (
  -- As read_rollout_in_scope looks for its devices.
  SELECT p.id, p.first_id, p.last_id, CASE WHEN p.devices <= 20000 THEN 0 WHEN (SELECT count(*) FROM inside) < p.devices / 4 THEN 1 ELSE 2 END AS way
  FROM page p WHERE NOT p.is_whole
), near AS MATERIALIZED (
  SELECT i.id, i.rollout_id, i.state, i.substate, i.device
  FROM part p,
  LATERAL (SELECT * FROM instruction n WHERE p.first_id > 0 AND n.id BETWEEN p.first_id AND p.last_id
           UNION ALL
           SELECT * FROM instruction n WHERE p.first_id = 0 AND n.rollout_id = p.id) i
  WHERE p.way = 0 AND i.rollout_id = p.id
), near_inside AS MATERIALIZED (
  -- All at once: a look into the index for one device after the other costs several times as much.
  SELECT s.device FROM device_search s
  WHERE s.device = ANY (ARRAY(SELECT n.device FROM near n)) AND s.labels @> ANY (ARRAY(SELECT jsonb_array_elements(:patterns::jsonb)))
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
    SELECT n.id, n.rollout_id, n.state, n.substate FROM near n
    WHERE (n.device IN (SELECT w.device FROM near_inside w)) IS TRUE -- by a table of hashes
    UNION ALL
    SELECT n.*
    FROM part p,
    LATERAL (
      SELECT n.id, n.rollout_id, n.state, n.substate
      FROM inside w, LATERAL (SELECT * FROM instruction n WHERE n.device = w.device AND n.rollout_id = p.id OFFSET 0) n
      WHERE p.way = 1
      UNION ALL
      SELECT n.id, n.rollout_id, n.state, n.substate FROM instruction n JOIN inside w ON w.device = n.device
      WHERE p.way = 2 AND n.rollout_id = p.id AND n.id BETWEEN p.first_id AND p.last_id
    ) n
  ) i
  LEFT JOIN failing f ON f.instruction_id = i.id
  GROUP BY i.rollout_id, i.state
)
SELECT json_build_object(
  'scope', :patterns::json,
  'rollouts', coalesce(json_agg(json_build_object(
      'rollout', p.id, 'name', p.name, 'state', p.state, 'version', p.version, 'priority', p.priority,
      'detail', CASE WHEN p.is_whole OR t.devices = p.devices THEN p.detail ELSE '' END,
      'author', p.author, 'door', p.door,
      'submitted_at', rfc3339(p.submitted_at), 'ended_at', rfc3339(p.ended_at),
      'devices', CASE WHEN p.is_whole THEN p.devices ELSE t.devices END,
      'counts', CASE WHEN p.is_whole THEN state_counts(p.id, NULL)
                  ELSE (SELECT json_object_agg(s.name, coalesce(c.devices, 0) ORDER BY s.state)
                        FROM instruction_state s LEFT JOIN counted c ON c.rollout_id = p.id AND c.state = s.state) END,
      'substates', CASE WHEN p.is_whole THEN substate_counts(p.id, NULL) ELSE t.substates END,
      'retrying', CASE WHEN p.is_whole THEN retrying_counts(p.id, NULL) ELSE t.retrying END,
      'given_up', CASE WHEN p.is_whole THEN given_up_counts(p.id, NULL) ELSE t.given_up END) ORDER BY p.id DESC), '[]'),
  'next', CASE WHEN count(*) = :most OR count(*) < (SELECT count(*) FROM shown) THEN min(p.id) END)::text AS document
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
