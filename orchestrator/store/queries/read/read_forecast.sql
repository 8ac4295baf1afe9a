-- Reads the forecasts of rollout :rollout: the present one of a running rollout, what was planned, what was done, and how the
-- forecasts changed. Before the first forecast a running rollout ends with its last window at worst. For a reader who sees the
-- devices in :patterns alone (null: all) the numbers of the whole are null. No row: as read_rollout_in_scope.
-- parameters: rollout bigint, patterns text
-- row: document.*
-- alone
SELECT json_build_object(
  'rollout', r.id, 'name', r.name, 'state', r.state, 'at', rfc3339(now()), 'end_at', rfc3339(r.ends_at),
  'ended_at', rfc3339(r.ended_at),
  'forecast_at', rfc3339(n.at),
  'best_end_at', rfc3339(CASE WHEN n.best_end_at < now() THEN now() ELSE n.best_end_at END),
  'worst_end_at', rfc3339(CASE WHEN n.worst_end_at < now() THEN now() ELSE n.worst_end_at END),
  'assumptions', to_json(coalesce(n.assumptions, '{}')),
  'devices', CASE WHEN :patterns::jsonb IS NULL THEN r.devices END,
  'plan', CASE WHEN :patterns::jsonb IS NULL THEN
            (SELECT coalesce(json_agg(json_build_object(
                'night', p.night, 'starts_at', rfc3339(p.first_start_at), 'ends_at', rfc3339(p.last_end_at), 'devices', p.devices,
                'planned', p.planned) ORDER BY p.night), '[]')
             FROM (SELECT o.*, sum(o.devices) OVER (ORDER BY o.night)::bigint AS planned
                   FROM rollout_planned_night o WHERE o.rollout_id = r.id) p) END,
  'actual', CASE WHEN :patterns::jsonb IS NULL THEN
              (SELECT coalesce(json_agg(json_build_object(
                  'at', rfc3339(a.at), 'started', a.started, 'completed', a.completed, 'failed', a.failed) ORDER BY a.at), '[]')
               FROM (SELECT p.at, p.started, p.completed, p.failed FROM rollout_forecast_point p
                     WHERE p.rollout_id = r.id AND p.at < coalesce(r.ended_at, now())
                     UNION ALL
                     SELECT coalesce(r.ended_at, now()), d.started, d.completed, d.failed FROM rollout_done(r.id) d
                     WHERE r.planned_at IS NOT NULL) a) END,
  'forecast', (SELECT coalesce(json_agg(json_build_object(
                   'at', rfc3339(p.at), 'best_end_at', rfc3339(p.best_end_at), 'worst_end_at', rfc3339(p.worst_end_at))
                   ORDER BY p.at), '[]')
               FROM rollout_forecast_point p WHERE p.rollout_id = r.id))::text AS document
FROM rollout r
LEFT JOIN LATERAL (
  SELECT p.at, p.best_end_at, p.worst_end_at, p.assumptions
  FROM (SELECT o.at, o.best_end_at, o.worst_end_at, o.assumptions, 1 AS place
        FROM rollout_forecast_point o WHERE o.rollout_id = r.id
        UNION ALL
        SELECT NULL, now(),
               greatest(now(), coalesce(r.ends_at, (SELECT max(w.closes_at) FROM rollout_window w
                                                    WHERE w.rollout_id = r.id AND isfinite(w.closes_at)))),
               string_to_array(:FORECAST_NOT_COMPUTED, ' '), 2) p
  WHERE r.state = :ROLLOUT_RUNNING
  ORDER BY p.place, p.at DESC
  LIMIT 1
) n ON true
WHERE r.id = :rollout AND rollout_touches(r, :patterns::jsonb)
