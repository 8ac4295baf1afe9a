-- Reads each rollout that the conductor handles: running, paused, cancelling, or ended before its approval. Times are
-- in milliseconds. `retimes`: an amendment gives waiting instructions other times. `is_blocked`: the version that it installs. `exclusions`: how many it has;
-- `exclusion_age_ms`: since when the newest is. `known`: this version understands spec.execution; `unreadable_json`: the JSON that it could not
-- read.
-- row: id bigint, name text, state text, version bigint, priority smallint, preempt boolean, end_at_ms bigint,
--   cancels_at_end boolean, dispatch_timeout_ms bigint null, answer_timeout_ms bigint null, receive_timeout_ms bigint
--   null, install_timeout_ms bigint null, backoff_ms bigint null, retries bigint null, defer_limit bigint null,
--   retry_failed boolean, retry_timed_out boolean, abort text, abort_seen text, rolls_back_on_abort boolean,
--   rolls_back_on_failed boolean, rolls_back_on_timed_out boolean, now_ms bigint, paused_by_abort boolean, is_blocked
--   boolean, retimes boolean, limits_starts boolean, exclusions bigint, exclusion_age_ms bigint, known boolean, unreadable_json text
SELECT r.id, r.name, r.state, r.version, r.priority, r.preempt,
       coalesce((extract(epoch FROM r.ends_at) * 1000)::bigint, 0) AS end_at_ms,
       coalesce(r.plan #>> '{spec,schedule,endBehavior}' = 'cancel', false) AS cancels_at_end,
       n.dispatch_timeout_s * 1000 AS dispatch_timeout_ms,
       n.answer_timeout_s * 1000 AS answer_timeout_ms,
       n.receive_timeout_s * 1000 AS receive_timeout_ms,
       n.install_timeout_s * 1000 AS install_timeout_ms,
       n.backoff_s * 1000 AS backoff_ms,
       n.retries,
       n.defer_limit,
       coalesce(e -> 'retryOn' ? 'failed', false) AS retry_failed,
       coalesce(e -> 'retryOn' ? 'timed_out', false) AS retry_timed_out,
       coalesce(r.plan #>> '{spec,abort}', '[]') AS abort,
       r.abort_seen::text,
       coalesce(r.plan #> '{spec,rollback,on}' ? 'abort', false) AS rolls_back_on_abort,
       coalesce(r.plan #> '{spec,rollback,on}' ? 'failed', false) AS rolls_back_on_failed,
       coalesce(r.plan #> '{spec,rollback,on}' ? 'timed_out', false) AS rolls_back_on_timed_out,
       (extract(epoch FROM now()) * 1000)::bigint AS now_ms,
       coalesce((SELECT e.kind = :KIND_ABORTED
                 FROM rollout_event e
                 WHERE e.rollout_id = r.id AND r.state = :ROLLOUT_PAUSED
                   AND (e.kind IN (:KIND_ABORTED, :KIND_RESUMED) OR e.kind = :KIND_PAUSED AND e.actor <> :ACTOR_TELLERCAST)
                 ORDER BY e.id DESC LIMIT 1), false) AS paused_by_abort,
       r.id = ANY (ARRAY(SELECT rollout_id FROM blocked_rollout)) AS is_blocked,
       EXISTS (SELECT FROM amendment a WHERE a.rollout_id = r.id AND a.retimes) AS retimes,
       r.last_start_at IS NOT NULL AS limits_starts,
       r.exclusions,
       CASE WHEN r.exclusions > 0
         THEN coalesce((SELECT (extract(epoch FROM now() - max(x.excluded_at)) * 1000)::bigint FROM exclusion x WHERE x.rollout_id = r.id), 0)
         ELSE 0 END AS exclusion_age_ms,
       n IS NOT NULL AS known,
       CASE WHEN n IS NOT NULL THEN '' ELSE e::text END AS unreadable_json
FROM rollout r,
LATERAL (SELECT r.plan #> '{spec,execution}' AS e) x,
LATERAL (
  SELECT plan_number(e -> 'dispatchTimeout', NULL) AS dispatch_timeout_s,
         plan_number(e -> 'answerTimeout', NULL) AS answer_timeout_s,
         plan_number(e -> 'receiveTimeout', NULL) AS receive_timeout_s,
         plan_number(e -> 'installTimeout', NULL) AS install_timeout_s,
         plan_number(e -> 'backoff', NULL) AS backoff_s,
         plan_number(e -> 'retries', NULL) AS retries,
         plan_number(e -> 'deferLimit', NULL) AS defer_limit
) n
WHERE r.state IN (:ROLLOUT_RUNNING, :ROLLOUT_PAUSED, :ROLLOUT_CANCELLING) OR (r.state = :ROLLOUT_AWAITING_APPROVAL AND r.ends_at <= now())
ORDER BY r.id
