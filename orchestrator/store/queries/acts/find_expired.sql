-- Finds the oldest and the last act of those that are all older than :age_ms; `last` is less than `first` when there is none.
-- parameters: age_ms bigint
-- row: first bigint, last bigint, may_delete boolean, role text
SELECT coalesce((SELECT min(number) FROM act), 0) AS first,
       coalesce((SELECT min(number) - 1 FROM act WHERE at >= now() - make_interval(secs => :age_ms / 1000.0)),
                (SELECT max(number) FROM act), -1) AS last,
       has_table_privilege('act', 'DELETE') AS may_delete, current_user::text AS role
