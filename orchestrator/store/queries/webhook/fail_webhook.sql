-- Records that webhook :name did not take the event at :position, and why. Returns whether that event is to be given up, since
-- it was tried for :give_up_ms; how often the webhook was tried since it began to fail; and when the event was logged, in
-- seconds since the epoch. No row: it has got beyond that event, which another orchestrator posted.
-- parameters: name text, position bigint, error text, give_up_ms bigint
-- row: is_over boolean, tries bigint, event_at_s bigint
UPDATE webhook
SET failing_since = coalesce(failing_since, now()), tries = tries + 1, error = :error
WHERE name = :name AND position < :position
RETURNING greatest(failing_since, (SELECT e.at FROM event e WHERE e.position = :position))
            <= now() - :give_up_ms::bigint * interval '1 ms' AS is_over,
          tries::bigint AS tries,
          coalesce((SELECT extract(epoch FROM e.at)::bigint FROM event e WHERE e.position = :position), 0) AS event_at_s
