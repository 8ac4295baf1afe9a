UPDATE claim SET lease_until = now() + $2::bigint * interval '1 ms' WHERE instance = $1
