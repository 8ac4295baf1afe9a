-- Reads how far webhook :name has got, while :epoch is that of :lease. `position` null: it has no row yet. `test_at_us`: when a
-- test was ordered that is still to be made, in microseconds since the epoch; 0: none. No row: another one has the lease.
-- parameters: name text, lease text, epoch bigint
-- row: event_epoch bigint, position bigint null, is_failing boolean, test_at_us bigint
SELECT i.epoch AS event_epoch, w.position, w.failing_since IS NOT NULL AS is_failing,
       CASE WHEN w.test_ordered_at > coalesce(w.tested_at, '-infinity')
            THEN (extract(epoch FROM w.test_ordered_at) * 1000000)::bigint ELSE 0 END AS test_at_us
FROM lease l
CROSS JOIN installation i
LEFT JOIN webhook w ON w.name = :name
WHERE l.name = :lease AND l.epoch = :epoch
