-- row: now_ms bigint
SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms
