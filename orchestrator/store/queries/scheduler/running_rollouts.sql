-- Reads each running rollout for the scheduler, by priority, then by age; of :rollouts alone unless it is empty. Times are in milliseconds. `known`: this
-- version understands its rate and execution; `unreadable_json`: the JSON that it could not read.
-- parameters: rollouts bigint[]
-- row: id bigint, version bigint, priority smallint, preempt boolean, per_minute bigint null, growth double precision null, grow_after
--   bigint null, maximum_per_minute bigint null, dispatch_timeout_ms bigint null, answer_timeout_ms bigint null,
--   receive_timeout_ms bigint null, install_timeout_ms bigint null, known boolean, unreadable_json text, abort text
SELECT r.id, r.version, r.priority, r.preempt, n.per_minute, n.growth, n.grow_after, n.maximum_per_minute,
       n.dispatch_timeout_s * 1000 AS dispatch_timeout_ms,
       n.answer_timeout_s * 1000 AS answer_timeout_ms,
       n.receive_timeout_s * 1000 AS receive_timeout_ms,
       n.install_timeout_s * 1000 AS install_timeout_ms,
       n IS NOT NULL AS known,
       CASE WHEN n IS NOT NULL THEN ''
            ELSE concat(r.plan #>> '{spec,rate}', ' ', r.plan #>> '{spec,execution}') END AS unreadable_json,
       coalesce(r.plan #>> '{spec,abort}', '[]') AS abort
FROM rollout r,
LATERAL (
  SELECT plan_number(rate -> 'perMinute', 0) AS per_minute,
         plan_decimal(rate -> 'growth', 1) AS growth,
         plan_number(rate -> 'growAfter', 0) AS grow_after,
         plan_number(rate -> 'maximumPerMinute', 0) AS maximum_per_minute,
         plan_number(execution -> 'dispatchTimeout', NULL) AS dispatch_timeout_s,
         plan_number(execution -> 'answerTimeout', NULL) AS answer_timeout_s,
         plan_number(execution -> 'receiveTimeout', NULL) AS receive_timeout_s,
         plan_number(execution -> 'installTimeout', NULL) AS install_timeout_s
  FROM (SELECT r.plan #> '{spec,rate}' AS rate, r.plan #> '{spec,execution}' AS execution) spec
) n
WHERE r.state = :ROLLOUT_RUNNING AND (:rollouts::bigint[] = '{}' OR r.id = ANY (:rollouts))
ORDER BY r.priority DESC, r.id
