-- Counts what a pause of group :name of rollout :rollout holds up, or what its resume lets go on. `held`: not started; `may_start`:
-- started and not answered; `finish`: answered and at work; `ended`. `goes_on_at`: the first time at which a window of its zone is
-- open for one of the thousand that wait first, once the group is resumed; null: the group is not open, the rollout does not run, or
-- no window is left.
-- parameters: rollout bigint, name text
-- row: is_paused boolean, document text
SELECT g.paused_at IS NOT NULL AS is_paused, json_build_object(
  'rollout', r.id, 'version', r.version, 'group', g.name, 'state', g.state, 'paused', group_pause(g), 'held', c.held,
  'may_start', c.may_start, 'finish', c.finish, 'ended', c.ended,
  'goes_on_at', CASE WHEN g.state = :GROUP_OPEN AND r.state = :ROLLOUT_RUNNING THEN rfc3339(f.at) END)::text AS document
FROM rollout_group g
JOIN rollout r ON r.id = g.rollout_id,
LATERAL (SELECT coalesce(sum(n.count) FILTER (WHERE n.state = :CREATED), 0)::bigint AS held,
                coalesce(sum(n.count) FILTER (WHERE n.state = :DISPATCHED), 0)::bigint AS may_start,
                coalesce(sum(n.count) FILTER (WHERE n.state BETWEEN :SENT AND :LAST_IN_FLIGHT), 0)::bigint AS finish,
                coalesce(sum(n.count) FILTER (WHERE n.state >= :FIRST_END), 0)::bigint AS ended
         FROM counter n WHERE n.rollout_id = g.rollout_id AND n.group_no = g.group_no) c,
LATERAL (SELECT min(greatest(w.opens_at, d.at)) AS at
         FROM (SELECT i.zone_no, greatest(min(i.due_at), now()) AS at
               FROM (SELECT i.zone_no, i.due_at
                     FROM instruction i
                     WHERE i.rollout_id = g.rollout_id AND i.group_no = g.group_no AND i.due_at IS NOT NULL
                     ORDER BY i.due_at
                     LIMIT 1000) i
               GROUP BY i.zone_no) d
         JOIN rollout_window w ON w.rollout_id = g.rollout_id AND w.zone_no = d.zone_no AND w.closes_at > d.at) f
WHERE g.rollout_id = :rollout AND g.name = :name
