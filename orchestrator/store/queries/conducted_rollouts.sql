-- What the conductor needs to know of each rollout that runs, rests, is being cancelled, or is over before it was
-- approved; times in milliseconds.
SELECT id, name, state, version, priority, preempt,
       coalesce((extract(epoch FROM ends_at) * 1000)::bigint, 0) AS end_at_ms,
       coalesce(plan #>> '{spec,schedule,endBehavior}' = 'cancel', false) AS cancels_at_end,
       (e ->> 'dispatchTimeout')::bigint * 1000 AS dispatch_timeout_ms,
       (e ->> 'answerTimeout')::bigint * 1000 AS answer_timeout_ms,
       (e ->> 'receiveTimeout')::bigint * 1000 AS receive_timeout_ms,
       (e ->> 'installTimeout')::bigint * 1000 AS install_timeout_ms,
       (e ->> 'backoff')::bigint * 1000 AS backoff_ms,
       (e ->> 'retries')::int AS retries,
       (e ->> 'deferLimit')::int AS defer_limit,
       (e -> 'retryOn') ? 'failed' AS retry_failed,
       (e -> 'retryOn') ? 'timed_out' AS retry_timed_out,
       coalesce(plan #>> '{spec,abort}', '[]') AS abort,
       abort_seen::text,
       coalesce(plan #> '{spec,rollback,on}' ? 'abort', false) AS rolls_back_on_abort,
       coalesce(plan #> '{spec,rollback,on}' ? 'failed', false) AS rolls_back_on_failed,
       coalesce(plan #> '{spec,rollback,on}' ? 'timed_out', false) AS rolls_back_on_timed_out,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms
FROM rollout, LATERAL (SELECT plan #> '{spec,execution}' AS e) x
WHERE state IN ('running', 'paused', 'cancelling') OR (state = 'awaiting_approval' AND ends_at <= now())
ORDER BY id
