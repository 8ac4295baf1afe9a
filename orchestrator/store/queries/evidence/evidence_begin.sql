-- Reads the begin of rollout :rollout in ms since the epoch: when it started, else when it was planned, else now.
-- parameters: rollout bigint
-- row: begin_ms bigint
SELECT (extract(epoch FROM coalesce(
          (SELECT min(e.at) FROM rollout_event e WHERE e.rollout_id = :rollout AND e.kind = :KIND_STARTED),
          (SELECT r.planned_at FROM rollout r WHERE r.id = :rollout),
          now())) * 1000)::bigint AS begin_ms
