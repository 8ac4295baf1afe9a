-- Reads the document of the progress topic of rollout :rollout.
-- parameters: rollout bigint
-- row: document.*
-- alone
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'state', r.state, 'devices', r.devices,
  'groups', (SELECT json_agg(json_build_object('group', g.group_no, 'name', g.name, 'state', g.state,
                                               'devices', g.devices, 'counts', state_counts(r.id, g.group_no), 'substates', substate_counts(r.id, g.group_no),
                                               'retrying', retrying_counts(r.id, g.group_no),
                                               'given_up', given_up_counts(r.id, g.group_no))
                             ORDER BY g.group_no)
             FROM rollout_group g WHERE g.rollout_id = r.id))::text AS document
FROM rollout r
WHERE r.id = :rollout
