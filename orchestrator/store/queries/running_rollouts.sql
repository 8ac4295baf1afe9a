-- What the scheduler and the conductor need to know of each running rollout; times in milliseconds.
SELECT id,
       name,
       coalesce((plan #>> '{spec,rate,perMinute}')::bigint, 0) AS per_minute,
       coalesce((plan #>> '{spec,disruptionBudget,maxUnavailable}')::bigint, 0) AS budget,
       (extract(epoch FROM (plan #>> '{spec,schedule,endAt}')::timestamptz) * 1000)::bigint AS end_at_ms,
       jsonb_array_length(plan #> '{spec,schedule,windows}') > 0
         OR jsonb_array_length(plan #> '{spec,schedule,blackouts}') > 0 AS has_windows,
       (e ->> 'dispatchTimeout')::bigint * 1000 AS dispatch_timeout_ms,
       (e ->> 'answerTimeout')::bigint * 1000 AS answer_timeout_ms,
       (e ->> 'receiveTimeout')::bigint * 1000 AS receive_timeout_ms,
       (e ->> 'installTimeout')::bigint * 1000 AS install_timeout_ms,
       (e ->> 'backoff')::bigint * 1000 AS backoff_ms,
       (e ->> 'retries')::int AS retries,
       (e ->> 'deferLimit')::int AS defer_limit,
       (e -> 'retryOn') ? 'failed' AS retry_failed,
       (e -> 'retryOn') ? 'timed_out' AS retry_timed_out,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms
FROM rollout, LATERAL (SELECT plan #> '{spec,execution}' AS e) x
WHERE state = 'running'
ORDER BY id
