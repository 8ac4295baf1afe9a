-- When rollout $1 started; if it did not yet, when it was planned; if not even that, now. Milliseconds since the epoch.
SELECT (extract(epoch FROM coalesce(
          (SELECT min(e.at) FROM rollout_event e WHERE e.rollout_id = $1 AND e.kind = 'started'),
          (SELECT r.planned_at FROM rollout r WHERE r.id = $1),
          now())) * 1000)::bigint
