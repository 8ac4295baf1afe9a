-- What the scheduler needs to know of each running rollout, those of the highest priority first, then the older; times
-- in milliseconds.
SELECT id,
       priority,
       preempt,
       coalesce((plan #>> '{spec,rate,perMinute}')::bigint, 0) AS per_minute,
       coalesce((plan #>> '{spec,rate,growth}')::double precision, 1) AS growth,
       coalesce((plan #>> '{spec,rate,growAfter}')::bigint, 0) AS grow_after,
       coalesce((plan #>> '{spec,rate,maximumPerMinute}')::bigint, 0) AS maximum_per_minute,
       (e ->> 'dispatchTimeout')::bigint * 1000 AS dispatch_timeout_ms,
       (e ->> 'answerTimeout')::bigint * 1000 AS answer_timeout_ms,
       (e ->> 'receiveTimeout')::bigint * 1000 AS receive_timeout_ms,
       (e ->> 'installTimeout')::bigint * 1000 AS install_timeout_ms
FROM rollout, LATERAL (SELECT plan #> '{spec,execution}' AS e) x
WHERE state = 'running'
ORDER BY priority DESC, id
